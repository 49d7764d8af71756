// The certificates the engine has the private keys of, and the making of one.

import type { CertificateRow } from '../../host/api';
import type { App } from '../../state/app.svelte';
import { Resource } from '../../state/resource.svelte';

export class Certificates {
  readonly #listed: Resource<CertificateRow[]>;
  making: boolean = $state(false);

  constructor(private readonly app: App) {
    this.#listed = new Resource(() => app.host.call('list_certificates', {}));
  }

  /** The newest first. */
  get rows(): readonly CertificateRow[] {
    return this.#listed.data ?? [];
  }

  async make(): Promise<void> {
    this.making = true;
    await this.app.toasts.guard(async () => {
      this.#listed.set(await this.app.host.call('make_certificate', {}));
      await this.app.settings.reload();
    });
    this.making = false;
  }

  /** Only the public half. */
  async download({ pem }: CertificateRow): Promise<void> {
    await this.app.toasts.guard(async () => {
      if (await this.app.host.saveFile('just-mcp-oauth-proxy.cer', 'application/x-x509-ca-cert', pem)) {
        this.app.toasts.say('Saved', 'Upload it in the portal under Certificates & secrets > Certificates.');
      }
    });
  }

  reload(): void {
    void this.#listed.reload();
  }
}
