import { screen, waitFor, within } from '@testing-library/svelte';
import { describe, expect, it, vi } from 'vitest';

import { fakeHost } from '../host/fake';
import { HostError } from '../host/host';
import { attempts } from '../host/fixtures';
import { mountPart, words } from '../test/render';
import Button from './Button.svelte';
import Choice from './Choice.svelte';
import CopyField from './CopyField.svelte';
import Dialog from './Dialog.svelte';
import Drawer from './Drawer.svelte';
import ErrorState from './ErrorState.svelte';
import FilterBox from './FilterBox.svelte';
import Menu from './Menu.svelte';
import PersonAvatar from './PersonAvatar.svelte';
import RelativeTime from './RelativeTime.svelte';
import SecretField from './SecretField.svelte';
import Segmented from './Segmented.svelte';
import Select from './Select.svelte';
import Steps from './Steps.svelte';
import Switch from './Switch.svelte';
import Tabs from './Tabs.svelte';
import Prose from './Prose.svelte';
import TextField from './TextField.svelte';
import VirtualList from './VirtualList.svelte';

const options = [
  { value: 'a', label: 'First' },
  { value: 'b', label: 'Second' },
];

describe('Button', () => {
  it('does nothing while busy, and keeps focus', async () => {
    const onclick = vi.fn();
    const { user } = mountPart(Button, { busy: true, onclick, children: words('Save') });
    const button = screen.getByRole('button', { name: 'Save' });
    await user.click(button);
    expect(onclick).not.toHaveBeenCalled();
    expect(document.activeElement).toBe(button);
    expect(button.getAttribute('aria-disabled')).toBe('true');
  });
});

describe('CopyField', () => {
  it('copies, confirms, and says so to screen readers', async () => {
    const { host, user } = mountPart(CopyField, { label: 'MCP URL', value: 'http://localhost:4242/mcp' });
    await user.click(screen.getByRole('button', { name: 'Copy MCP URL' }));
    expect(host.copied).toEqual(['http://localhost:4242/mcp']);
    expect(screen.getByText('Copied')).toBeTruthy();
    expect(screen.getByText('MCP URL copied').getAttribute('role')).toBe('status');
  });

  it('does not confirm what failed, and says what to do', async () => {
    const host = fakeHost();
    host.copy = () => Promise.reject(new HostError('no_clipboard', 'The clipboard cannot be reached', 'Select the text.'));
    const { user } = mountPart(CopyField, { label: 'MCP URL', value: 'x' }, host);
    await user.click(screen.getByRole('button', { name: 'Copy MCP URL' }));
    expect((await screen.findByRole('alert')).textContent).toContain('Select the text.');
    expect(screen.queryByText('Copied')).toBeNull();
  });
});

describe('Switch', () => {
  it('goes back and shows the error if it could not be turned', async () => {
    const onchange = () => Promise.reject(new HostError('no', 'it cannot be switched', null));
    const { user } = mountPart(Switch, { label: 'Practice', checked: false, onchange });
    const box = screen.getByRole<HTMLInputElement>('switch', { name: 'Practice' });
    await user.click(box);
    expect((await screen.findByRole('alert')).textContent).toContain('It cannot be switched');
    expect(box.checked).toBe(false);
  });

  it('is turned with the space bar', async () => {
    const onchange = vi.fn();
    const { user } = mountPart(Switch, { label: 'Practice', checked: false, onchange });
    await user.tab();
    await user.keyboard(' ');
    expect(onchange).toHaveBeenCalledExactlyOnceWith(true);
  });
});

describe('Prose', () => {
  it('shows what stands between backticks as code, and one that stands alone as it is', () => {
    const { container } = mountPart(Prose, { text: 'lacks the claim `oid`, not `sub`; a ` alone' });
    expect([...container.querySelectorAll('code')].map(({ textContent }) => textContent)).toEqual(['oid', 'sub']);
    expect(container.textContent).toContain('lacks the claim oid, not sub; a ` alone');
  });
});

describe('TextField', () => {
  it('ties hint and problem to the field', () => {
    mountPart(TextField, { label: 'Tenant', value: 'x', hint: 'An id.', problem: { message: 'Not an id', hint: 'Copy it' } });
    const field = screen.getByRole('textbox', { name: 'Tenant' });
    expect(field.getAttribute('aria-invalid')).toBe('true');
    const ids = field.getAttribute('aria-describedby')!.split(' ');
    const text = ids.map((id) => document.getElementById(id)?.textContent).join(' ');
    expect(text).toContain('An id.');
    expect(text).toContain('Not an id');
    expect(text).toContain('Copy it');
  });
});

describe('SecretField', () => {
  it('never shows a kept secret, and asks before it is replaced', async () => {
    const { user, container } = mountPart(SecretField, { label: 'Client secret', given: true, value: null });
    expect(container.querySelector('input[type=password]')).toBeNull();
    await user.click(screen.getByRole('button', { name: 'Replace' }));
    const field = screen.getByLabelText<HTMLInputElement>('Client secret');
    expect(field.type).toBe('password');
    expect(field.value).toBe('');
  });

  it('can be removed, and kept after all', async () => {
    const { user } = mountPart(SecretField, { label: 'Client secret', given: true, value: null });
    await user.click(screen.getByRole('button', { name: 'Remove' }));
    expect(screen.getByLabelText<HTMLInputElement>('Client secret').value).toContain('Will be removed');
    await user.click(screen.getByRole('button', { name: 'Keep it' }));
    expect(screen.getByLabelText<HTMLInputElement>('Client secret').value).toBe('A secret is kept');
  });
});

describe('Segmented', () => {
  it('is one tab stop, and tells what was chosen', async () => {
    const onchange = vi.fn();
    const { user } = mountPart(Segmented, { label: 'Order', options, value: 'a', onchange });
    await user.click(screen.getByRole('radio', { name: 'Second' }));
    expect(onchange).toHaveBeenCalledWith('b');
    expect(screen.getByRole('group', { name: 'Order' })).toBeTruthy();
    expect(screen.getByRole<HTMLInputElement>('radio', { name: 'Second' }).checked).toBe(true);
  });
});

describe('Tabs', () => {
  it('changes with the arrow keys', async () => {
    const { user } = mountPart(Tabs, { label: 'Views', tabs: options, value: 'a', panel: words('content') });
    await user.click(screen.getByRole('tab', { name: 'First' }));
    await user.keyboard('{ArrowRight}');
    await waitFor(() => expect(screen.getByRole('tab', { name: 'Second' }).getAttribute('aria-selected')).toBe('true'));
    expect(screen.getByRole('tabpanel').textContent).toContain('content');
  });
});

describe('Dialog', () => {
  const props = { open: true, title: 'Revoke 3 sessions?', confirm: 'Revoke', children: words('They end at once.') };

  it('confirms and closes', async () => {
    const onconfirm = vi.fn();
    const { user } = mountPart(Dialog, { ...props, onconfirm });
    const dialog = await screen.findByRole('alertdialog', { name: 'Revoke 3 sessions?' });
    await user.click(within(dialog).getByRole('button', { name: 'Revoke' }));
    expect(onconfirm).toHaveBeenCalledOnce();
    await waitFor(() => expect(screen.queryByRole('alertdialog')).toBeNull());
  });

  it('stays and says why when it failed', async () => {
    const onconfirm = () => Promise.reject(new HostError('no', 'The store does not answer', 'Try again'));
    const { user } = mountPart(Dialog, { ...props, onconfirm });
    await user.click(await screen.findByRole('button', { name: 'Revoke' }));
    expect((await screen.findByRole('alert')).textContent).toBe('The store does not answer. Try again');
    expect(screen.getByRole('alertdialog')).toBeTruthy();
  });

  it('is cancelled with Escape', async () => {
    const onconfirm = vi.fn();
    const { user } = mountPart(Dialog, { ...props, onconfirm });
    await screen.findByRole('alertdialog');
    await user.keyboard('{Escape}');
    await waitFor(() => expect(screen.queryByRole('alertdialog')).toBeNull());
    expect(onconfirm).not.toHaveBeenCalled();
  });
});

describe('Dialog with a word', () => {
  const props = { open: true, title: 'Reset?', confirm: 'Reset', word: 'everything', children: words('All is lost.') };

  it('confirms only once the word is typed, with Enter too', async () => {
    const onconfirm = vi.fn();
    const { user } = mountPart(Dialog, { ...props, onconfirm });
    const button = await screen.findByRole<HTMLButtonElement>('button', { name: 'Reset' });
    expect(button.disabled).toBe(true);
    await user.type(screen.getByLabelText('Type “everything” to confirm'), 'every{Enter}');
    expect(onconfirm).not.toHaveBeenCalled();
    await user.keyboard('Thing{Enter}');
    await waitFor(() => expect(onconfirm).toHaveBeenCalledOnce());
  });
});

describe('Choice', () => {
  const choice = { label: 'Where', value: 'a', options: options.map((option) => ({ ...option, about: `About ${option.label}` })) };

  it('tells each with its sentence, and what was chosen', async () => {
    const onchange = vi.fn();
    const { user } = mountPart(Choice, { ...choice, onchange });
    const group = within(screen.getByRole('group', { name: 'Where' }));
    const second = group.getByRole('radio', { name: /Second/ });
    expect(document.getElementById(second.getAttribute('aria-describedby')!)?.textContent).toBe('About Second');
    await user.click(second);
    expect(onchange).toHaveBeenCalledExactlyOnceWith('b');
  });

  it('ties what is wrong to the group', () => {
    mountPart(Choice, { ...choice, problem: { message: 'Not there', hint: 'Choose another' }, onchange: vi.fn() });
    const told = document.getElementById(screen.getByRole('group').getAttribute('aria-describedby')!)?.textContent;
    expect(told).toContain('Not there');
    expect(told).toContain('Choose another');
  });
});

describe('Select', () => {
  it('tells what was chosen', async () => {
    const onchange = vi.fn();
    const { user } = mountPart(Select, { label: 'Level', options, value: 'a', onchange });
    await user.selectOptions(screen.getByRole('combobox', { name: 'Level' }), 'Second');
    expect(onchange).toHaveBeenCalledExactlyOnceWith('b');
  });
});

describe('Drawer', () => {
  it('closes with its button and with Escape', async () => {
    const onclose = vi.fn();
    const { user } = mountPart(Drawer, { open: true, title: 'Ada', onclose, children: words('Claims') });
    await user.click(await screen.findByRole('button', { name: 'Close' }));
    expect(onclose).toHaveBeenCalledOnce();
    await user.keyboard('{Escape}');
    await waitFor(() => expect(onclose).toHaveBeenCalledTimes(2));
  });
});

describe('Menu', () => {
  it('opens and runs an item with the keyboard', async () => {
    const block = vi.fn();
    const items = [
      { label: 'Revoke', onselect: vi.fn() },
      { label: 'Block client', onselect: block },
    ];
    const { user } = mountPart(Menu, { label: 'Actions for Ada', items });
    screen.getByRole('button', { name: 'Actions for Ada' }).focus();
    await user.keyboard('{Enter}');
    await screen.findByRole('menu');
    await user.keyboard('{ArrowDown}{Enter}');
    await waitFor(() => expect(block).toHaveBeenCalledOnce());
  });
});

describe('ErrorState', () => {
  it('says what to do and tries again', async () => {
    const onretry = vi.fn();
    const { user } = mountPart(ErrorState, { error: new HostError('x', 'the store does not answer', 'wait'), onretry });
    expect(screen.getByRole('alert').textContent).toContain('wait');
    await user.click(screen.getByRole('button', { name: 'Try again' }));
    expect(onretry).toHaveBeenCalledOnce();
  });
});

describe('FilterBox', () => {
  it('reads out how many are left, and is emptied with Escape', async () => {
    const { user } = mountPart(FilterBox, { label: 'Filter sessions', value: '', shown: 2, all: 12 });
    const box = screen.getByRole<HTMLInputElement>('searchbox', { name: 'Filter sessions' });
    await user.type(box, 'ada');
    expect(screen.getByText('2 of 12 shown')).toBeTruthy();
    await user.keyboard('{Escape}');
    expect(box.value).toBe('');
  });
});

describe('Steps', () => {
  it('says each of the ten steps in words', () => {
    const refused = attempts(1_000_000_000_000).find(({ verdict }) => verdict.code === 7000222)!;
    mountPart(Steps, { steps: refused.steps });
    const items = screen.getAllByRole('listitem');
    expect(items).toHaveLength(10);
    expect(items[5]!.textContent).toContain('Entra: failed, 640 ms, AADSTS7000222');
    expect(items[6]!.textContent).toContain('Callback: not yet');
  });
});

describe('RelativeTime', () => {
  it('has the exact time for machines and on hover, and ticks', async () => {
    const at = Date.now() - 58_500;
    const { container } = mountPart(RelativeTime, { at });
    const time = container.querySelector('time')!;
    expect(time.dateTime).toBe(new Date(at).toISOString());
    expect(time.title).toContain(':');
    expect(time.textContent).toBe('58 s ago');
    await waitFor(() => expect(time.textContent).toBe('1 min ago'), { timeout: 3000 });
  });
});

describe('PersonAvatar', () => {
  it('is decoration: screen readers hear the name beside it', () => {
    const { container } = mountPart(PersonAvatar, { person: null });
    expect(container.querySelector('.avatar')!.getAttribute('aria-hidden')).toBe('true');
  });
});

describe('VirtualList', () => {
  const props = { label: 'Events', key: (row: number) => row, row: words('row') };

  it('draws a short list whole', () => {
    mountPart(VirtualList, { ...props, rows: [1, 2, 3] });
    expect(within(screen.getByRole('list', { name: 'Events' })).getAllByRole('listitem')).toHaveLength(3);
  });

  it('draws a long one only in part', () => {
    mountPart(VirtualList, { ...props, rows: Array.from({ length: 100_000 }, (_, index) => index) });
    const list = screen.getByRole('list', { name: 'Events' });
    expect(list.querySelectorAll('[role=listitem]').length).toBeLessThan(200);
  });
});
