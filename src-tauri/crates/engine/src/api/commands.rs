//! What each command does. The table in [`super`] names them and gives their types.

use std::collections::{BTreeSet, HashMap};

use model::client::{Client, ClientAuth, ClientKind};
use model::ids::{AttemptId, ClientId, SessionId};
use model::ports::{AttemptQuery, ClientQuery, EventQuery, Forget};
use model::session::{Ended, Session};
use model::time::Timestamp;
use practice::{Fault, Practice};

use super::answers::{ClientRow, Done, EventRow, PracticeState, SessionClient, SessionRow, SessionsEnded};
use super::attempt::AttemptRow;
use super::requests::{
    AttemptsQuery, BlockSwitch, ClientsQuery, Empty, EventsQuery, FaultSwitch, ForgetWhat, Forgotten,
    PersonSwitch, SessionRefs,
};
use super::{Api, ApiError, ApiParts};

type Answer<T> = Result<T, ApiError>;

const NO_SESSION: ApiError = ApiError::NotFound {
    what: "there is no such session",
    hint: "take the `session` of a row of list_sessions; a session is forgotten 30 days after its end",
};

const NO_CLIENT: ApiError = ApiError::NotFound {
    what: "there is no such client",
    hint: "take the `id` of a row of list_clients; one that nobody approved may have made room for others",
};

/// In one answer.
const MOST_ATTEMPTS: u32 = 200;

#[expect(clippy::unused_async, reason = "the table calls all of them alike, and most ask the store")]
impl Api {
    pub(super) async fn list_sessions(&self, _: Empty) -> Answer<Vec<SessionRow>> {
        // Calls are written back now and then; whoever looks wants to see the last one.
        let live = self.live()?;
        live.flow.flush_activity().await?;
        let now = live.flow.now();
        let mut known: HashMap<ClientId, Option<Client>> = HashMap::new();
        let mut rows = Vec::new();
        for session in live.store.list_sessions().await? {
            if !known.contains_key(&session.client) {
                known.insert(session.client.clone(), live.client(&session.client).await?);
            }
            let client = known.get(&session.client).and_then(Option::as_ref);
            let client = SessionClient::of(&session, client);
            rows.push(SessionRow::of(session, client, now, live.flow.sign_in_from()));
        }
        Ok(rows)
    }

    pub(super) async fn end_sessions(&self, SessionRefs { sessions }: SessionRefs) -> Answer<SessionsEnded> {
        let live = self.live()?;
        let mut found = Vec::with_capacity(sessions.len());
        // All of them are looked for before the first is ended.
        for session in &sessions {
            found.push(live.session(session).await?.id);
        }
        Ok(SessionsEnded { ended: live.end_all(found).await? })
    }

    pub(super) async fn list_clients(&self, query: ClientsQuery) -> Answer<Vec<ClientRow>> {
        let live = self.live()?;
        let limit = query.limit.unwrap_or(100).min(500);
        let asked =
            ClientQuery { approved_only: query.approved_only, limit: limit.try_into().unwrap_or(500) };
        // A limit of 0 means something else to the store.
        let registered = if limit == 0 { Vec::new() } else { live.store.list_clients(&asked).await? };
        // A configured client is approved by whoever configured it.
        Ok(live.configured.iter().chain(&registered).take(limit).map(ClientRow::from).collect())
    }

    pub(super) async fn block_client(&self, switch: BlockSwitch) -> Answer<SessionsEnded> {
        let BlockSwitch { client, blocked } = switch;
        let live = self.live()?;
        let id = ClientId::parse(&client).ok_or(NO_CLIENT)?;
        if live.configured.iter().any(|client| client.id == id) {
            return Err(ApiError::NotFound {
                what: "this client is in the settings, so the settings decide about it",
                hint: "remove it from the settings file and restart",
            });
        }
        let since = blocked.then(|| live.flow.now());
        let known = live.store.block_client(&id, since).await?;
        let sessions = live.store.list_sessions().await?.into_iter();
        let its: Vec<Session> = sessions.filter(|session| session.client == id).collect();
        if !known {
            // A published client need not be on record to have sessions; whoever is turned away is.
            let session = its.first().ok_or(NO_CLIENT)?;
            live.store.put_client(&turned_away(session, since)).await?;
        }
        if !blocked {
            return Ok(SessionsEnded { ended: 0 });
        }
        let its = its.into_iter().filter(Session::is_live).map(|session| session.id);
        Ok(SessionsEnded { ended: live.end_all(its).await? })
    }

    pub(super) async fn list_attempts(&self, query: AttemptsQuery) -> Answer<Vec<AttemptRow>> {
        let limit = query.limit.unwrap_or(50).min(MOST_ATTEMPTS);
        if query.ids.len() > MOST_ATTEMPTS as usize {
            return Err(ApiError::BadRequest(format!("`ids`: more than {MOST_ATTEMPTS}")));
        }
        let only: Option<BTreeSet<AttemptId>> = query.ids.iter().map(|id| AttemptId::parse(id)).collect();
        let only =
            only.ok_or_else(|| ApiError::BadRequest("`ids`: not an identifier of this server".into()))?;
        let live = self.live()?;
        // A limit of 0 means something else to the store.
        if limit == 0 {
            return Ok(Vec::new());
        }
        let asked = AttemptQuery { only: only.into_iter().collect(), before: query.before, limit };
        let (attempts, now) = (live.store.list_attempts(&asked).await?, live.flow.now());
        let (practice, sign_in) = (live.practice.is_some(), live.flow.sign_in_from());
        Ok(attempts.iter().filter_map(|events| AttemptRow::of(events, now, practice, sign_in)).collect())
    }

    pub(super) async fn forget(&self, ForgetWhat { what }: ForgetWhat) -> Answer<Done> {
        let live = self.live()?;
        if matches!(what, Forgotten::Events | Forgotten::Everything) {
            self.0.gate().forget_visits();
        }
        let what = match what {
            Forgotten::Events => Forget::Events,
            Forgotten::Sessions => Forget::Sessions,
            Forgotten::Clients => Forget::Clients,
            Forgotten::Everything => Forget::Everything,
        };
        if !matches!(what, Forget::Events) {
            // Ended first, so that tokens already trusted here stop counting at once.
            let sessions = live.store.list_sessions().await?.into_iter().filter(Session::is_live);
            live.end_all(sessions.map(|session| session.id)).await?;
        }
        // What was recorded until now is part of what goes.
        live.bus.written().await;
        live.store.forget(what).await?;
        Ok(Done {})
    }

    pub(super) async fn list_events(&self, query: EventsQuery) -> Answer<Vec<EventRow>> {
        let query = EventQuery {
            attempt: id(query.attempt.as_deref(), "attempt", AttemptId::parse)?,
            session: id(query.session.as_deref(), "session", SessionId::parse)?,
            before: query.before,
            limit: query.limit.unwrap_or_default(),
        };
        let events = self.live()?.store.list_events(&query).await?;
        Ok(events.into_iter().map(EventRow::from).collect())
    }

    pub(super) async fn practice(&self, _: Empty) -> Answer<Option<PracticeState>> {
        Ok(self.live()?.practice.as_ref().map(PracticeState::of))
    }

    pub(super) async fn set_fault(&self, FaultSwitch { fault, on }: FaultSwitch) -> Answer<PracticeState> {
        let live = self.live()?;
        let practice = live.tenant()?;
        let fault: Fault = fault.parse().map_err(|_| ApiError::NotFound {
            what: "no fault of the practice tenant has that name",
            hint: "the command `practice` lists them all",
        })?;
        practice.set_fault(fault, on);
        Ok(PracticeState::of(practice))
    }

    pub(super) async fn set_person(&self, switch: PersonSwitch) -> Answer<PracticeState> {
        let live = self.live()?;
        let practice = live.tenant()?;
        if !practice.set_disabled(&switch.person, switch.disabled) {
            return Err(ApiError::NotFound {
                what: "nobody in the practice tenant has that key",
                hint: "the command `practice` lists everybody",
            });
        }
        Ok(PracticeState::of(practice))
    }
}

impl ApiParts {
    /// 0 if the store does not answer, which other commands tell.
    pub(super) async fn count_live_sessions(&self) -> usize {
        let now = self.flow.now();
        let sessions = self.store.list_sessions().await.unwrap_or_default();
        sessions.iter().filter(|session| session.is_live() && now < session.expires_at()).count()
    }

    /// How many of them were live.
    async fn end_all(&self, sessions: impl IntoIterator<Item = SessionId>) -> Answer<usize> {
        let mut ended = 0;
        for session in sessions {
            ended += usize::from(self.flow.end_session(&session, Ended::RevokedByOwner).await?);
        }
        Ok(ended)
    }

    async fn client(&self, id: &ClientId) -> Answer<Option<Client>> {
        match self.configured.iter().find(|client| client.id == *id) {
            Some(client) => Ok(Some(client.clone())),
            None => Ok(self.store.lookup_client(id).await?),
        }
    }

    pub(super) async fn session(&self, id: &str) -> Answer<Session> {
        let id = SessionId::parse(id).ok_or(NO_SESSION)?;
        self.store.lookup_session(&id).await?.ok_or(NO_SESSION)
    }

    fn tenant(&self) -> Answer<&Practice> {
        self.practice.as_ref().ok_or(ApiError::NotFound {
            what: "the practice tenant is off: people sign in at the identity provider of the settings",
            hint: "start the server with --practice to use it",
        })
    }
}

/// All that a session knows of its client.
fn turned_away(session: &Session, since: Option<Timestamp>) -> Client {
    Client {
        id: session.client.clone(),
        kind: if session.client.is_url() { ClientKind::Document } else { ClientKind::Dynamic },
        name: session.client_name.clone(),
        uri: None,
        logo_uri: None,
        redirects: Vec::new(),
        auth: ClientAuth::None,
        scope: session.scope.clone(),
        created_at: session.created_at,
        approved_at: Some(session.created_at),
        attempt: Some(session.attempt.clone()),
        blocked_at: since,
    }
}

fn id<T>(text: Option<&str>, field: &str, parse: impl Fn(&str) -> Option<T>) -> Answer<Option<T>> {
    let Some(text) = text else { return Ok(None) };
    let wrong = || ApiError::BadRequest(format!("`{field}`: not an identifier of this server"));
    parse(text).map(Some).ok_or_else(wrong)
}
