// How the Inspectors since 2.0 are operated: a list of servers with a switch each. All requests, those of the sign-in too, are
// made by the program behind the page.

const ID = 'ours';

export function v2({ page, engine }) {
  const tab = (name) => page.getByRole('radio', { name, exact: true });
  // The switch itself is invisible and lies below its picture: pressed, not clicked.
  const toggle = () => page.getByRole('switch', { name: `Connect or disconnect "${ID}"` }).press('Space');

  return {
    async enter() {
      await page.getByRole('button', { name: 'Add Servers' }).click();
      await page.getByRole('menuitem', { name: 'Add manually' }).click();
      const form = page.getByRole('dialog', { name: 'Add server' });
      await form.getByRole('textbox', { name: 'Server ID' }).fill(ID);
      await form.getByRole('textbox', { name: 'Transport' }).click();
      await page.getByRole('option', { name: 'streamable-http' }).click();
      await form.getByRole('textbox', { name: 'URL' }).fill(engine.mcpUrl);
      await form.getByRole('button', { name: 'Add', exact: true }).click();
      await form.waitFor({ state: 'hidden' });
    },

    connect: toggle,
    connected: () => tab('Tools').waitFor({ state: 'attached' }),

    async disconnect() {
      await page.getByRole('button', { name: 'Disconnect from server' }).click();
      await tab('Tools').waitFor({ state: 'detached' });
    },

    async listTools() {
      await tab('Tools').press('Space');
      for (const name of ['get_user_info', 'version']) await page.getByRole('button', { name }).first().waitFor();
    },

    /** Runs a tool and waits until its answer `says` so. */
    async call(name, says) {
      const answer = page.getByRole('heading', { name: 'Results', exact: true });
      const close = page.getByRole('button', { name: 'Close results' });
      if (await close.isVisible()) await close.click(); // the answer before
      await answer.waitFor({ state: 'detached' });
      await page.getByRole('button', { name }).first().click();
      await page.getByRole('button', { name: 'Execute Tool' }).click();
      await answer.waitFor();
      await page.getByRole('main').filter({ hasText: says }).waitFor();
    },
  };
}
