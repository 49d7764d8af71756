// Leading a person to one setting: #/entra?field=entra.tenant

/** Of the element in `within` that carries the name, its first control; of radio buttons the one that is chosen. */
export function goToField(within: HTMLElement | undefined, key: string): boolean {
  const field = within?.querySelector<HTMLElement>(`[data-field="${CSS.escape(key)}"]`);
  const control =
    field?.querySelector<HTMLElement>('input:checked') ?? field?.querySelector<HTMLElement>('input, select, textarea') ?? field?.querySelector<HTMLElement>('button, summary');
  if (!control) return false;
  control.scrollIntoView({ block: 'center' });
  control.focus({ preventScroll: true });
  return true;
}
