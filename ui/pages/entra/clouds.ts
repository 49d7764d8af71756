// Microsoft's clouds: the sign-in host of each, its portal, and links into the portal.

export interface Cloud {
  authority: string;
  label: string;
  portal: string;
}

const GLOBAL: Cloud = { authority: 'https://login.microsoftonline.com', label: 'Microsoft Entra, global', portal: 'entra.microsoft.com' };

export const CLOUDS: readonly Cloud[] = [
  GLOBAL,
  { authority: 'https://login.microsoftonline.us', label: 'US Government', portal: 'entra.microsoft.us' },
  { authority: 'https://login.partner.microsoftonline.cn', label: 'China, operated by 21Vianet', portal: 'entra.microsoftonline.cn' },
];

/** The cloud an authority belongs to; `undefined` for any other address. */
export function cloudOf(authority: string): Cloud | undefined {
  const bare = authority.trim().toLowerCase().replace(/\/+$/, '');
  return bare === '' ? GLOBAL : CLOUDS.find((cloud) => cloud.authority === bare);
}

/** Pages of an app registration, by the portal's own names. */
const BLADES = {
  Overview: 'Overview',
  Authentication: 'Authentication',
  'Expose an API': 'ProtectAnAPI',
  Manifest: 'Manifest',
  'Certificates & secrets': 'Credentials',
} as const;
export type Blade = keyof typeof BLADES;

const REGISTRATIONS = '#view/Microsoft_AAD_RegisteredApps';
const GUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i;

/** Customer tenants (External ID, B2C) are looked after in the global portal too. */
const origin = (authority: string): string => `https://${(cloudOf(authority) ?? GLOBAL).portal}`;

/** The page of the app registration; the list of registrations as long as nobody knows which one it is. */
export function bladeUrl(blade: Blade, authority: string, clientId: string): string {
  const id = clientId.trim();
  return GUID.test(id)
    ? `${origin(authority)}/${REGISTRATIONS}/ApplicationMenuBlade/~/${BLADES[blade]}/appId/${id.toLowerCase()}`
    : `${origin(authority)}/${REGISTRATIONS}/ApplicationsListBlade`;
}

export const newRegistrationUrl = (authority: string): string =>
  `${origin(authority)}/${REGISTRATIONS}/CreateApplicationBlade/quickStartType~/null/isMSAApp~/false`;
