// Written from the engine's table of commands by its tests (JMOP_WRITE_TYPES=1 cargo test -p engine types); do not edit.
// Times are milliseconds since the Unix epoch.

export type Json = null | boolean | number | string | Json[] | { [key: string]: Json };
export type Claims = { [claim: string]: Json };

/**
 * What whoever follows is told.
 */
export type ApiEvent = { "event": "status_changed", "payload": Status } | { "event": "creation_changed", "payload": Creation } | { "event": "pairings_changed", "payload": Array<PairingRow> } | { "event": "visits_changed", "payload": Array<VisitRow> } | { "event": "events_recorded", "payload": Array<EventRow> } | { "event": "events_missed", "payload": { missed: number, } };

/**
 * Everything in the log that belongs to one try to connect, told in ten steps and one sentence.
 */
export type AttemptRow = { attempt: string, started_at: number, last_at: number, 
/**
 * For the next page: `before` of `list_attempts`.
 */
last_seq: number, origin: Origin | null, client: string | null, client_name: string | null, person: PersonRow | null, session: string | null, user_agent: string | null, 
/**
 * Always ten, in their order.
 */
steps: Array<AttemptStep>, verdict: Verdict, };

export type AttemptStep = { step: Step, state: StepState, at: number | null, 
/**
 * Since the step before; none for a refresh, which comes when it comes.
 */
ms: number | null, detail: string | null, };

/**
 * Which attempts to read: the named ones, or those whose last event is newest.
 */
export type AttemptsQuery = { 
/**
 * At most 200.
 */
ids?: Array<string>, 
/**
 * Only attempts with a smaller `last_seq`.
 */
before?: number, 
/**
 * At most so many: 50 if not given, never more than 200.
 */
limit?: number, };

export type BlockSwitch = { 
/**
 * As `list_clients` has it.
 */
client: string, blocked: boolean, };

export type BundleFile = { name: string, text: string, };

/**
 * A certificate the settings have the private key of.
 */
export type CertificateRow = { 
/**
 * SHA-1 in hex digits, as the portal lists it.
 */
thumbprint: string, 
/**
 * `CN=Just MCP OAuth Proxy`
 */
subject: string, starts_at: number, expires_at: number, 
/**
 * The public half: what is uploaded in the portal.
 */
pem: string, };

/**
 * Fingerprints as OpenSSH writes them, `SHA256:…`, and kinds as `ssh-keygen -l` does, `ED25519`.
 */
export type ChangedKey = { pinned: string, pinned_kind: string | null, shown: string, kind: string, };

export type CheckStep = { 
/**
 * `authority`, `tenant`, `keys`, `clock`, `application`, `credential`, `next_credential`, `redirect_uri`, `platform`, `api`,
 * `consent`, `token`, `sign_in`, `access`; `practice` where there is nothing to check; `public_url`, `public_port`, `public_metadata`,
 * `public_challenge`, `public_stream`, `public_page` of [`OutsideCheck`](super::OutsideCheck).
 */
about: string, outcome: StepOutcome, 
/**
 * What was found: one sentence.
 */
what: string, 
/**
 * The next step.
 */
hint: string | null, 
/**
 * AADSTS number.
 */
code: number | null, 
/**
 * Who can mend it, where something is wrong and that is known.
 */
fixer: Fixer | null, 
/**
 * What can be done with one press, the first thing first.
 */
remedies: Array<Remedy>, };

/**
 * What to look at.
 */
export type CheckWish = { 
/**
 * Adds what the last test sign-in showed. If that was made with changes, it is they that are looked at.
 */
signed_in?: boolean, 
/**
 * Settings as typed and not saved, over those that are.
 */
changes?: { [key: string]: string }, };

/**
 * What a change would do.
 */
export type Checked = { problems: Array<Problem>, effects: Array<Effect>, };

export type ClientKind = "dynamic" | "document" | "static";

/**
 * A registered client chose most of this itself: texts are cut to 200 characters, and of lists only the beginning is shown.
 */
export type ClientRow = { id: string, kind: ClientKind, name: string | null, uri: string | null, 
/**
 * The host that published the client's metadata document: the one name that is verified.
 */
verified_host: string | null, 
/**
 * The first five.
 */
redirects: Array<string>, 
/**
 * How many there are.
 */
redirects_total: number, 
/**
 * `token_endpoint_auth_method`
 */
auth_method: string, scopes: Array<string>, 
/**
 * `null` for a configured client, which has always been there.
 */
created_at: number | null, 
/**
 * When somebody last approved it.
 */
approved_at: number | null, 
/**
 * Turned away by the owner of this server.
 */
blocked: boolean, };

/**
 * Which clients to list.
 */
export type ClientsQuery = { 
/**
 * At most so many: 100 if not given, never more than 500.
 */
limit?: number, 
/**
 * Leaves out those that registered and that nobody ever approved.
 */
approved_only?: boolean, };

/**
 * How far the making of a registration is.
 */
export type Creation = { "is": "idle" } | { "is": "sign_in", code: string, link: string, expires_at: number, } | { "is": "planned", tenant: string, name: string | null, username: string | null, calls: Array<PlannedCall>, 
/**
 * What else may be called, if something fails or it is stopped.
 */
undo: Array<PlannedCall>, } | { "is": "making", calls: Array<PlannedCall>, done: number, 
/**
 * What there would be at Microsoft if the program were ended now.
 */
left: CreationUndone, } | { "is": "undoing", calls: Array<PlannedCall>, done: number, 
/**
 * What there would be at Microsoft if the program were ended now.
 */
left: CreationUndone, } | { "is": "done", tenant: string, client_id: string, 
/**
 * Whether it is in the settings; the practice tenant's never is.
 */
saved: boolean, 
/**
 * When the secret ends, as Microsoft writes it.
 */
secret_ends: string | null, 
/**
 * Whether the person is its owner, which the directory may not have let them be.
 */
is_owner: boolean, } | { "is": "failed", what: string, hint: string, 
/**
 * AADSTS number.
 */
code: number | null, remedies: Array<Remedy>, undone: CreationUndone, calls: Array<PlannedCall>, done: number, };

/**
 * What a failed try left at Microsoft.
 */
export type CreationUndone = { "is": "nothing" } | { "is": "removed", name: string, client_id: string | null, for_good: boolean, } | { "is": "left", name: string, client_id: string | null, 
/**
 * What only this one has among the tags in its manifest.
 */
tag: string, link: string | null, };

/**
 * Where to make a registration, and what it is to be like.
 */
export type CreationWish = { name?: string, any_directory?: boolean, 
/**
 * At the practice tenant, to see how it goes; nothing is saved then.
 */
practice?: boolean, };

/**
 * How the app proves itself to Entra, as far as it has to be looked after.
 */
export type CredentialState = { 
/**
 * `secret`, `certificate`, `federated-token`, `managed-identity` or `none`
 */
kind: string, 
/**
 * When it stops counting, as far as that is known.
 */
expires_at: number | null, 
/**
 * Entra refused the one that comes first, and another one is used.
 */
fell_back: boolean, };

/**
 * Nothing more to say.
 */
export type Done = Record<symbol, never>;

/**
 * Something that changes for people or clients: one sentence.
 */
export type Effect = { text: string, };

/**
 * Nothing to say.
 */
export type Empty = Record<symbol, never>;

/**
 * What was found, in the order in which it was looked at.
 */
export type EntraCheck = { steps: Array<CheckStep>, 
/**
 * Whether nothing failed.
 */
passed: boolean, 
/**
 * Those looked at, in the order of their steps.
 */
redirect_uris: Array<string>, };

/**
 * A text, or the fact that a secret was found.
 */
export type EnvChange = string | { masked: boolean, };

/**
 * What a `.env` file, or the manifest of an app registration, would set.
 */
export type EnvPreview = { changes: { [key in string]: EnvChange }, 
/**
 * Names of variables that are none of ours.
 */
ignored: Array<string>, problems: Array<Problem>, 
/**
 * What a sign-in would stumble over in the registration of a manifest.
 */
findings: Array<Finding>, };

export type EnvText = { 
/**
 * The text of a `.env` file, secrets and all, or the exported manifest of an app registration.
 */
text: string, };

/**
 * One step of one attempt.
 */
export type EventRow = { 
/**
 * Position in the log.
 */
seq: number, at: number, step: Step, 
/**
 * What happened: `token_issued`, `upstream_refused`, ...
 */
event: string, level: Level, 
/**
 * One sentence; it may name a person.
 */
summary: string, 
/**
 * What the operating system shows of it, where that is worth it; it names nobody.
 */
notice?: Notice, attempt: string | null, origin: Origin | null, client: string | null, client_name: string | null, grant: string | null, session: string | null, person: PersonRow | null, user_agent: string | null, 
/**
 * What else this kind of event says.
 */
details: { [name: string]: Json }, };

/**
 * Which part of the auth log to read.
 */
export type EventsQuery = { attempt?: string, session?: string, 
/**
 * Only rows with a smaller `seq`.
 */
before?: number, 
/**
 * At most so many: 100 if not given, never more than 1000.
 */
limit?: number, };

/**
 * Who may see the text.
 */
export type Exposure = "plain" | "hidden" | "secret";

export type FaultRow = { fault: string, on: boolean, explanation: string, };

export type FaultSwitch = { 
/**
 * As `practice` has it, for example `expired-secret`.
 */
fault: string, on: boolean, };

export type Finding = { ok: boolean, text: string, 
/**
 * The next step, where something is wrong.
 */
hint: string | null, 
/**
 * What can be done with one press, the first thing first.
 */
remedies: Array<Remedy>, };

/**
 * Who can mend what was refused.
 */
export type Fixer = "person" | "app_owner" | "tenant_admin" | "operator" | "nobody";

export type ForgetWhat = { what: Forgotten, };

/**
 * What to forget for good.
 */
export type Forgotten = "events" | "sessions" | "clients" | "everything";

/**
 * Who says who people are.
 */
export type IdentityKind = "practice" | "entra";

/**
 * How serious an event is.
 */
export type Level = "info" | "warn" | "error";

/**
 * What a claim means, and who put it there.
 */
export type Note = { meaning: string, source: string, };

/**
 * What the operating system shows of an event; it names no person, because whoever looks at the screen sees it.
 */
export type Notice = { title: string, 
/**
 * What happened and who can mend it.
 */
text: string, };

/**
 * Another port for one that is taken.
 */
export type Offer = { port: number, 
/**
 * Key of the setting to change, and the text to change it to.
 */
setting: string, text: string, };

/**
 * The two places we can be reached at. A token is never good across them.
 */
export type Origin = "local" | "public";

export type Outcome = "running" | "connected" | "refused" | "silent" | "ended";

/**
 * What was found, in the order in which it was looked at.
 */
export type OutsideCheck = { address: string, steps: Array<CheckStep>, 
/**
 * Whether clients get through.
 */
passed: boolean, };

export type PairingRef = { 
/**
 * As `pairings` has it.
 */
grant: string, };

/**
 * A client that nobody used before waits for its code. Without `Debug`, so that the code cannot slip into a log.
 */
export type PairingRow = { 
/**
 * The sign-in that waits; for `refuse_pairing`.
 */
grant: string, client: string, 
/**
 * Chosen by the client; proves nothing.
 */
client_name: string | null, 
/**
 * The host that published the client's metadata document: the one name that is verified.
 */
verified_host: string | null, 
/**
 * Whether the browser that asks is on this computer.
 */
here: boolean, 
/**
 * Else where on the internet it is, if the tunnel's provider says so.
 */
from: string | null, 
/**
 * Where the person will be sent back to.
 */
destination: string, 
/**
 * Six digits, or twelve where too many were typed wrong, for the page that asks for them.
 */
code: string, 
/**
 * When it is no longer good.
 */
expires_at: number, };

export type PauseSwitch = { paused: boolean, };

export type PersonRow = { 
/**
 * `oid`
 */
object: string, 
/**
 * `tid`
 */
tenant: string, name: string | null, username: string | null, guest: boolean, 
/**
 * App roles, as the last tokens said.
 */
roles: Array<string>, };

export type PersonSwitch = { 
/**
 * The `key` that `practice` has, for example `ada`.
 */
person: string, disabled: boolean, };

/**
 * One call of Microsoft Graph.
 */
export type PlannedCall = { 
/**
 * What it does: one sentence.
 */
what: string, method: string, path: string, };

export type PracticeState = { faults: Array<FaultRow>, people: Array<ResidentRow>, };

/**
 * One thing to mend. Prints as one readable paragraph.
 */
export type Problem = { 
/**
 * Dotted key; as typed where no such key exists; empty where a whole file is meant.
 */
field: string, 
/**
 * Kebab case, stable: what a form may branch on.
 */
code: string, 
/**
 * What is wrong. No full stop.
 */
message: string, 
/**
 * The next step.
 */
hint: string | null, 
/**
 * Where the text came from.
 */
source: SettingSource, };

/**
 * How the last refresh went.
 */
export type RefreshResult = { at: number, ok: boolean, 
/**
 * Why it came to nothing.
 */
detail: string | null, 
/**
 * AADSTS number, if the identity provider gave one.
 */
code: number | null, 
/**
 * Who can mend it, where that is known.
 */
fixer: Fixer | null, 
/**
 * What can be done with one press, the first thing first.
 */
remedies: Array<Remedy>, };

/**
 * What makes a registration, ready to be copied.
 */
export type RegistrationTexts = { name: string, redirect_uris: Array<string>, scopes: Array<string>, 
/**
 * A bash script for the Azure CLI.
 */
az: string, 
/**
 * JSON in the format of Microsoft Graph and of the portal's manifest editor.
 */
manifest: string, terraform: string, bicep: string, };

/**
 * What a registration is to be like.
 */
export type RegistrationWish = { 
/**
 * What it is called; "Just MCP OAuth Proxy" unless given.
 */
name?: string, 
/**
 * Whether people of any organization can sign in, instead of one directory's.
 */
any_directory?: boolean, 
/**
 * Settings as typed and not saved, by key.
 */
changes?: { [key: string]: string }, };

/**
 * A way out of a refusal. They come in the order in which to try them.
 */
export type Remedy = { "does": "open", 
/**
 * What the page calls itself.
 */
page: string, url: string, } | { "does": "change", setting: RemedyField, 
/**
 * The text it should get, where there is only one.
 */
to: string | null, } | { "does": "sign_in" };

/**
 * The settings that refusals are mended in, by their keys.
 */
export type RemedyField = "entra.tenant" | "entra.client_id" | "entra.authority" | "entra.credential" | "entra.client_secret" | "entra.certificate" | "entra.identifier_uri" | "entra.required_scopes" | "entra.extra_authorize_scopes" | "entra.allowed_tenants" | "access.people" | "access.guests" | "server.sign_in";

/**
 * Somebody made up, so a name here is nobody's.
 */
export type ResidentRow = { key: string, name: string, username: string, tenant: string, about: string, disabled: boolean, };

export type Saved = { 
/**
 * `false` if there are problems; then nothing was changed.
 */
saved: boolean, problems: Array<Problem>, effects: Array<Effect>, };

/**
 * The key of an SSH server, pinned on first use.
 */
export type ServerKey = { 
/**
 * As OpenSSH writes it: `host`, or `[host]:port`.
 */
server: string, 
/**
 * As OpenSSH shows it: `SHA256:…`.
 */
fingerprint: string, 
/**
 * As `ssh-keygen -l` names it, `ED25519`.
 */
kind: string | null, };

/**
 * Claims of the identity provider's tokens; the tokens themselves stay inside.
 */
export type SessionClaims = { 
/**
 * `iss` of the verified token.
 */
issuer: string | null, id_claims: Claims, access_claims: Claims, 
/**
 * Of the newest token we made, all but its random number.
 */
issued_claims: Claims, 
/**
 * When the provider's access token ends.
 */
access_expires_at: number, 
/**
 * `v1`, `v2`, `guest`, `mfa`, `group-overage`, `app-roles`
 */
badges: Array<string>, notes: { [key in string]: Note }, };

export type SessionClient = { id: string, 
/**
 * Chosen by the client; proves nothing.
 */
name: string | null, 
/**
 * `null` where the client itself is no longer kept.
 */
kind: ClientKind | null, 
/**
 * The host that published the client's metadata document: the one name that is verified.
 */
verified_host: string | null, uri: string | null, 
/**
 * Turned away by the owner of this server.
 */
blocked: boolean, };

export type SessionRef = { 
/**
 * As `list_sessions` has it.
 */
session: string, };

export type SessionRefs = { 
/**
 * As `list_sessions` has them.
 */
sessions: Array<string>, };

export type SessionRow = { session: string, 
/**
 * For `list_events`.
 */
attempt: string, person: PersonRow, client: SessionClient, state: SessionState, scopes: Array<string>, origin: Origin, 
/**
 * The MCP URL its tokens are good for.
 */
resource: string, calls: number, created_at: number, active_at: number, refreshed_at: number, 
/**
 * When the newest access token ends; the client refreshes before or then.
 */
access_expires_at: number, 
/**
 * When the session ends if it is not refreshed until then.
 */
expires_at: number, 
/**
 * `null` before the first.
 */
refresh: RefreshResult | null, };

export type SessionState = { "is": "live" } | { "is": "ended", at: number, 
/**
 * `revoked_by_owner`, `upstream_refused`, ...
 */
why: string, 
/**
 * AADSTS number, if the identity provider gave one.
 */
code: number | null, 
/**
 * One sentence: what happened and what to do next.
 */
reason: string, 
/**
 * Who can mend it, where something was refused.
 */
fixer: Fixer | null, 
/**
 * What can be done with one press, the first thing first.
 */
remedies: Array<Remedy>, };

/**
 * How many sessions were still to be ended.
 */
export type SessionsEnded = { ended: number, };

/**
 * One setting in a form.
 */
export type SettingRow = { 
/**
 * Given by the environment or the command line, which no form can change.
 */
locked: boolean, key: string, doc: string, 
/**
 * What counts when nothing is given.
 */
default: string, shape: Shape, exposure: Exposure, 
/**
 * Name in the environment.
 */
variable: string, 
/**
 * What is given, or the default; `None` if it may not be shown.
 */
text: string | null, 
/**
 * Whether a text other than the default is given; all a form may know of a secret.
 */
given: boolean, source: SettingSource, };

/**
 * Where the text of a setting came from.
 */
export type SettingSource = { "is": "default" } | { "is": "file", path: string, line: number | null, } | { "is": "environment", variable: string, } | { "is": "command_line", flag: string, } | { "is": "window" } | { "is": "vault" };

/**
 * Settings as typed. An empty text means the default again.
 */
export type SettingsChange = { 
/**
 * By key; a secret may be among them.
 */
changes: { [key: string]: string }, };

export type SettingsForm = { rows: Array<SettingRow>, 
/**
 * Of the settings as they are now.
 */
problems: Array<Problem>, file: string, };

/**
 * How a text is written in the file and shown in a form.
 */
export type Shape = "text" | "flag" | "number" | "list";

/**
 * The key that a person compared.
 */
export type ShownKey = { 
/**
 * As it was shown, `SHA256:…`.
 */
fingerprint: string, };

/**
 * How the engine stands.
 */
export type State = { "is": "running" } | { "is": "starting" } | { "is": "stopped" } | { "is": "failed", 
/**
 * `bad_settings`, `port_in_use`, `crashed`, ...
 */
code: string, message: string, hint: string, 
/**
 * A change of one setting that would help.
 */
offer: Offer | null, };

export type Status = { state: State, 
/**
 * Everybody is turned away, and nobody is signed out.
 */
paused: boolean, 
/**
 * What a person pastes into a client on this computer.
 */
mcp_url: string | null, 
/**
 * Our address on the internet, where there is one.
 */
public_url: string | null, 
/**
 * What a person pastes into a client elsewhere.
 */
public_mcp_url: string | null, 
/**
 * The switch to the public internet.
 */
tunnel: TunnelState, 
/**
 * When the tunnel closes by itself, where that is known.
 */
tunnel_closes_at: number | null, 
/**
 * Why it closed by itself, until it is switched again.
 */
tunnel_closed_because: string | null, 
/**
 * Until when new clients from outside are asked for twelve digits instead of six, because too many wrong ones were typed there.
 */
long_codes_until: number | null, 
/**
 * Requests from the internet that were turned away in the last minute, because there were too many.
 */
turned_away: number, 
/**
 * The redirect URIs to register at Entra.
 */
callback_urls: Array<string>, practice_url: string | null, identity: IdentityKind, 
/**
 * As in the settings; `null` on the practice tenant.
 */
tenant: string | null, client_id: string | null, 
/**
 * How the app proves itself to Entra; `null` on the practice tenant.
 */
credential: CredentialState | null, version: string, started_at: number | null, now: number, 
/**
 * Events that are missing in the auth log because too many came at once.
 */
dropped_events: number, 
/**
 * Live sessions.
 */
sessions: number, 
/**
 * Whether this is the app on somebody's desk, with a tray and a keyring.
 */
desktop: boolean, data_dir: string, settings_file: string, };

/**
 * The ten steps of an attempt, as a person follows them.
 */
export type Step = "discovery" | "challenge" | "registration" | "authorize" | "consent" | "upstream" | "callback" | "token" | "first_call" | "refresh";

export type StepOutcome = "passed" | "noted" | "failed" | "unknown";

export type StepState = "pending" | "done" | "skipped" | "failed" | "waiting";

export type SupportBundle = { 
/**
 * Name for the whole.
 */
name: string, files: Array<BundleFile>, };

/**
 * How the test sign-in stands.
 */
export type TestSignIn = { "is": "idle" } | { "is": "waiting", 
/**
 * What to open in a browser on this computer.
 */
link: string, 
/**
 * Whether that was done.
 */
opened: boolean, expires_at: number, 
/**
 * Whether it is made with changes that were not saved when it began.
 */
unsaved: boolean, 
/**
 * The redirect URI on this computer once they are, where they change it; the test itself comes back to the one in force.
 */
moves_to: string | null, } | { "is": "ended", passed: boolean, 
/**
 * What came of it: one sentence.
 */
what: string, 
/**
 * The next step.
 */
hint: string | null, 
/**
 * Whether it was made with changes that were not saved when it began.
 */
unsaved: boolean, 
/**
 * AADSTS number.
 */
code: number | null, 
/**
 * Who can take it, where something was refused.
 */
fixer: Fixer | null, 
/**
 * What can be done with one press, the first thing first.
 */
remedies: Array<Remedy>, };

/**
 * What a test sign-in is made with.
 */
export type TestWish = { 
/**
 * Settings as typed and not saved, over those that are. Without any, the sign-in is like everybody's.
 */
changes?: { [key: string]: string }, };

export type TiedSession = { session: string, 
/**
 * The public address it was issued at.
 */
address: string, 
/**
 * What the client calls itself; proves nothing.
 */
client: string | null, 
/**
 * Name or user name of the person.
 */
person: string | null, };

/**
 * A decoded token, checked against the settings.
 */
export type TokenInspection = { header: Claims, claims: Claims, 
/**
 * What kind of token it is.
 */
kind: string, findings: Array<Finding>, notes: { [key in string]: Note }, };

export type TokenText = { 
/**
 * A token of this server or of the identity provider. It is neither stored nor logged.
 */
token: string, };

export type ToolRow = { name: string, title: string, 
/**
 * Every scope a call needs, those that all calls need among them.
 */
scopes: Array<string>, 
/**
 * App roles of which a call needs one.
 */
roles: Array<string>, 
/**
 * For the session asked about; `null` without one.
 */
view: ToolView | null, };

export type ToolView = { allowed: boolean, 
/**
 * Why not, and what would help: one sentence.
 */
why: string | null, };

/**
 * The tunnel and what could open it.
 */
export type TunnelForm = { state: TunnelState, 
/**
 * As the settings have it: one of `programs`, or `command`.
 */
provider: string, programs: Array<TunnelProgram>, 
/**
 * The key by which the provider's SSH server is known again, once it was there.
 */
server_key: ServerKey | null, 
/**
 * An address of the settings' own stands in the way of the switch.
 */
own_address: string | null, 
/**
 * Sessions that go on only if their public address comes back.
 */
tied: Array<TiedSession>, };

/**
 * One sentence each.
 */
export type TunnelNote = { reason: string, hint: string, };

export type TunnelProgram = { id: string, name: string, 
/**
 * What to know before choosing it.
 */
about: string, 
/**
 * Whether it is on this computer; what needs no program always is.
 */
found: boolean, 
/**
 * How to get it; empty where there is nothing to get.
 */
install: string, 
/**
 * Whether the address stays the same.
 */
stable: boolean, 
/**
 * Whether a name of one's own can be asked for.
 */
takes_domain: boolean, 
/**
 * Whether the authtoken of an account is asked for.
 */
takes_authtoken: boolean, };

/**
 * How the tunnel stands.
 */
export type TunnelState = { "is": "off" } | { "is": "starting" } | { "is": "up", url: string, reason: string | null, hint: string | null, } | { "is": "reachable", url: string, 
/**
 * What to know although clients get through.
 */
notes: Array<TunnelNote>, } | { "is": "lost", reason: string, hint: string, 
/**
 * There was an address since it was switched on.
 */
was_open: boolean, } | { "is": "refused", reason: string, hint: string, 
/**
 * The SSH server shows another key than the one that was pinned: it can be trusted by `trust_server_key`.
 */
changed_key: ChangedKey | null, };

export type TunnelSwitch = { on: boolean, 
/**
 * Whether the person knows that on the practice tenant anybody who finds the address could sign in.
 */
practice_is_fine?: boolean, };

/**
 * How the attempt stands.
 */
export type Verdict = { is: Outcome, sentence: string, 
/**
 * The next step.
 */
hint: string | null, 
/**
 * AADSTS number.
 */
code: number | null, 
/**
 * Who can take it, where something was refused.
 */
fixer: Fixer | null, 
/**
 * What can be done with one press, the first thing first.
 */
remedies: Array<Remedy>, };

/**
 * Whose eyes to look with.
 */
export type ViewAs = { 
/**
 * A session; without one nobody's.
 */
session?: string, };

/**
 * Requests that came through the tunnel and are alike. Without `Debug`: addresses are for the owner's window, not for a log.
 */
export type VisitRow = { 
/**
 * Stays with the row when its count goes up.
 */
id: number, 
/**
 * Where on the internet, if the tunnel's provider says so: an address, or of IPv6 the network.
 */
from: string | null, 
/**
 * The name or id of the client.
 */
client: string | null, 
/**
 * It showed a token of this server. Otherwise the name is what the request says.
 */
proven: boolean, 
/**
 * Of the last of them. A stranger may have written the path; it is cut, and has no query.
 */
method: string, path: string, 
/**
 * Whether the others asked for something else.
 */
various: boolean, status: number, verdict: VisitVerdict, 
/**
 * What came of it: one sentence.
 */
told: string, count: number, first_at: number, last_at: number, };

/**
 * What came of a request, in short.
 */
export type VisitVerdict = "served" | "asked_to_sign_in" | "refused" | "limited" | "unavailable";

/** Who can mend what was refused: one sentence. */
export const FIXERS: Record<Fixer, string> = {
  person: 'Whoever signs in can fix this.',
  app_owner: 'The owner of the app registration can fix this.',
  tenant_admin: 'An administrator of the directory can fix this.',
  operator: 'Whoever runs this server can fix this.',
  nobody: 'Nobody has to fix anything; it should pass.',
};

export interface EngineCommands {
  /** Whether this server runs, where it is reached, its version, and how many events of the auth log were lost. */
  status: [Empty, Status];
  /** Starts again with the settings as they are now; nobody is signed out by it. */
  restart: [Empty, Status];
  /** Turns everybody away, or lets them in again; nobody is signed out by it. */
  set_paused: [PauseSwitch, Status];
  /** How the tunnel stands, and which programs could open one. */
  tunnel: [Empty, TunnelForm];
  /** Opens a public address by the tunnel of the settings, or closes it. Nobody is signed out by it. */
  set_tunnel: [TunnelSwitch, Status];
  /** Trusts the key for which the tunnel's SSH server was refused, in place of the pinned one; any other stays refused. */
  trust_server_key: [ShownKey, Status];
  /** What came in through the tunnel and what came of it, also what was refused, the latest first. Kept in memory only. */
  visits: [Empty, Array<VisitRow>];
  /** Looks at the public address from outside, as clients and browsers would; no person and no client is involved. */
  look_outside: [Empty, OutsideCheck];
  /** Every client connected as a person, and those that no longer are. */
  list_sessions: [Empty, Array<SessionRow>];
  /** Ends sessions; their clients must sign in again. */
  end_sessions: [SessionRefs, SessionsEnded];
  /** What the identity provider's tokens, and ours, say about the person of a session. */
  session_claims: [SessionRef, SessionClaims];
  /** What each tool needs, and with a session, whether its person and client could call it. */
  tools: [ViewAs, Array<ToolRow>];
  /** Decodes a token and checks it as a sign-in would be; it is neither stored nor logged. */
  inspect_token: [TokenText, TokenInspection];
  /** Clients that are configured or registered: the approved ones first, the newest of them first. */
  list_clients: [ClientsQuery, Array<ClientRow>];
  /** Turns a client away from now on and ends its sessions, or lets it in again. */
  block_client: [BlockSwitch, SessionsEnded];
  /** New clients that wait for a code of this server, with the code: whoever signs in types it into the page that asks. */
  pairings: [Empty, Array<PairingRow>];
  /** Asks new clients from outside for six digits again, after too many wrong ones. */
  shorten_codes: [Empty, Status];
  /** Ends the sign-in of a client that waits for a code. */
  refuse_pairing: [PairingRef, Done];
  /** Tries to connect, the one last heard of first; `before` takes the `last_seq` of the last row for the next page. */
  list_attempts: [AttemptsQuery, Array<AttemptRow>];
  /** The auth log, newest first; `before` takes the `seq` of the last row for the next page. */
  list_events: [EventsQuery, Array<EventRow>];
  /** The practice tenant's faults and people; `null` where people sign in somewhere else. */
  practice: [Empty, PracticeState | null];
  /** Switches a fault of the practice tenant on or off. */
  set_fault: [FaultSwitch, PracticeState];
  /** Disables a person of the practice tenant, or enables them again. */
  set_person: [PersonSwitch, PracticeState];
  /** What can be found out about the app registration without anybody signing in; nothing is changed there. With `signed_in`, what the last test sign-in showed too. */
  check_entra: [CheckWish, EntraCheck];
  /** Begins a sign-in of which nothing is kept, with changes that are not saved if there are any: somebody has to open its link on this computer. One that waits is over. */
  begin_test_sign_in: [TestWish, TestSignIn];
  /** How the test sign-in stands. */
  test_sign_in: [Empty, TestSignIn];
  /** Ends the test sign-in that waits. */
  cancel_test_sign_in: [Empty, TestSignIn];
  /** Texts that make an app registration with these settings: for the Azure CLI, Terraform, Bicep, and a manifest. */
  registration: [RegistrationWish, RegistrationTexts];
  /** How far the making of an app registration is, or what an earlier try left. */
  creation: [Empty, Creation];
  /** Begins to make an app registration: somebody has to sign in with the code it answers. */
  begin_creation: [CreationWish, Creation];
  /** Agrees to the calls that make it. On success its values become the settings, and the server starts with them. */
  confirm_creation: [Empty, Creation];
  /** Stops it and removes what was made. What is over stays as it is told. */
  cancel_creation: [Empty, Creation];
  /** Puts away one that is over, and what was left of it: somebody has seen to that. */
  close_creation: [Empty, Creation];
  /** The certificates the settings have, the newest first, without their private keys. */
  list_certificates: [Empty, Array<CertificateRow>];
  /** Makes a certificate for the app registration and seals its private key; the one before goes on until the new one is uploaded. */
  make_certificate: [Empty, Array<CertificateRow>];
  /** Every setting: what it means, what is given and where, and what is wrong. */
  settings: [Empty, SettingsForm];
  /** What a change of settings would do, without making it. */
  check_settings: [SettingsChange, Checked];
  /** Changes settings and starts again with them, unless something is wrong with them. */
  save_settings: [SettingsChange, Saved];
  /** What a `.env` file or a manifest would set; the names of the FastMCP example are understood. */
  read_env: [EnvText, EnvPreview];
  /** Takes the settings of a `.env` file or a manifest over, as `save_settings` does. */
  save_env: [EnvText, Saved];
  /** Forgets events, sessions, clients or all of them for good; settings and the master key stay. */
  forget: [ForgetWhat, Done];
  /** How things stand, the settings and the last events, without secrets and names, to send to somebody who helps. */
  support_bundle: [Empty, SupportBundle];
}

export type Events = { [E in ApiEvent as E['event']]: E['payload'] };
