// How the Inspectors before 2.0 are operated: a form at the left, a tab per kind of thing at the right. The MCP requests are
// made by the page ("Direct") or by a proxy beside it ("Via Proxy"); the page does most of the sign-in in both.

/** The tools' names, and the titles that newer Inspectors show instead. */
const TOOLS = { get_user_info: /^(get_user_info|Who is signed in)$/, version: /^(version|Server version)$/ };

/** `mode` is what the form calls it. */
export function v1({ page, engine, inspector }, mode) {
  const button = (name) => page.getByRole('button', { name, exact: true });
  const tools = page.getByRole('tabpanel', { name: 'Tools' });

  async function choose(field, option) {
    await page.getByRole('combobox', { name: field }).click();
    await page.getByRole('option', { name: option, exact: true }).click();
  }

  return {
    /** Fills in the form of a page just opened. */
    async enter() {
      await choose('Transport Type', 'Streamable HTTP');
      await page.getByRole('textbox', { name: 'URL' }).fill(engine.mcpUrl);
      await choose('Connection Type', mode);
      // The proxy is not on its usual port. The page was told in its own URL, which it forgets on the way to the sign-in.
      await button('Configuration').click();
      await page.getByRole('textbox', { name: 'Inspector Proxy Address' }).fill(inspector.proxy);
    },

    connect: () => button('Connect').click(),

    async connected() {
      const there = button('Disconnect');
      const done = there.or(page.getByText(/^Connection Error/)).first();
      // 1.0.3 forgets what it was connecting to if its proxy answers it while it redeems the code, and asks for this.
      const again = page.getByText('Connect again from the sidebar').first();
      await done.or(again).first().waitFor();
      if ((await again.isVisible()) && !(await there.isVisible())) await button('Connect').click();
      await done.waitFor();
      if (!(await there.isVisible())) throw new Error('the Inspector could not connect');
      await page.getByText('Connected', { exact: true }).waitFor();
    },

    /** As after closing the laptop: the page starts afresh, with what its tab has kept. */
    async disconnect() {
      await page.reload();
      await button('Connect').waitFor();
    },

    async listTools() {
      await page.getByRole('tab', { name: 'Tools', exact: true }).click();
      await button('List Tools').click();
      for (const title of Object.values(TOOLS)) await tools.getByText(title).waitFor();
    },

    /** Runs a tool and waits until its answer `says` so. Choosing a tool clears the answer before. */
    async call(name, says) {
      await tools.getByText(TOOLS[name]).first().click();
      await tools.getByRole('heading', { name: TOOLS[name] }).waitFor();
      await button('Run Tool').click();
      await tools.getByRole('heading', { name: 'Tool Result: Success' }).waitFor();
      await tools.filter({ hasText: says }).waitFor();
    },

    /** While disconnected: the access token it holds no longer works. */
    expire: () =>
      page.evaluate(() => {
        const key = Object.keys(sessionStorage).find((name) => name.endsWith('mcp_tokens'));
        sessionStorage[key] = JSON.stringify({ ...JSON.parse(sessionStorage[key]), access_token: 'expired' });
      }),
  };
}
