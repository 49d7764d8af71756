//! What each command does. The table in [`super`] names them and gives their types.

use model::ids::{AttemptId, SessionId};
use model::ports::{ClientQuery, EventQuery};
use model::session::{Ended, Session};
use practice::{Fault, Practice};

use authserver::flow::Shared;

use super::answers::{ClientRow, EventRow, PracticeState, SessionClaims, SessionEnded, SessionRow};
use super::requests::{ClientsQuery, Empty, EventsQuery, FaultSwitch, PersonSwitch, SessionRef};
use super::{Api, ApiError, ApiParts};

type Answer<T> = Result<T, ApiError>;

const NO_SESSION: ApiError = ApiError::NotFound {
    what: "there is no such session",
    hint: "take the `session` of a row of list_sessions; a session is forgotten 30 days after its end",
};

#[expect(clippy::unused_async, reason = "the table calls all of them alike, and most ask the store")]
impl Api {
    pub(super) async fn list_sessions(&self, _: Empty) -> Answer<Vec<SessionRow>> {
        // Calls are written back now and then; whoever looks wants to see the last one.
        let live = self.live()?;
        live.flow.flush_activity().await?;
        let now = live.flow.now();
        let sessions = live.store.list_sessions().await?;
        Ok(sessions.into_iter().map(|session| SessionRow::of(session, now)).collect())
    }

    pub(super) async fn end_session(&self, SessionRef { session }: SessionRef) -> Answer<SessionEnded> {
        let live = self.live()?;
        let session = live.session(&session).await?;
        let ended = live.flow.end_session(&session.id, Ended::RevokedByOwner).await?;
        Ok(SessionEnded { ended })
    }

    pub(super) async fn session_claims(&self, SessionRef { session }: SessionRef) -> Answer<SessionClaims> {
        let live = self.live()?;
        let session = live.session(&session).await?;
        let sealed = session.upstream.ok_or(ApiError::NotFound {
            what: "the claims of this session are gone: they are dropped when a session ends",
            hint: "let the client connect again",
        })?;
        let place = Shared::session_place(&session.id);
        let tokens = live.flow.open_upstream(place, &sealed).ok_or(ApiError::NotFound {
            what: "the claims of this session cannot be read: they were sealed with another master key",
            hint: "end the session and let the client connect again",
        })?;
        Ok(SessionClaims::of(tokens, session.upstream_issuer))
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

    async fn session(&self, id: &str) -> Answer<Session> {
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

fn id<T>(text: Option<&str>, field: &str, parse: impl Fn(&str) -> Option<T>) -> Answer<Option<T>> {
    let Some(text) = text else { return Ok(None) };
    let wrong = || ApiError::BadRequest(format!("`{field}`: not an identifier of this server"));
    parse(text).map(Some).ok_or_else(wrong)
}
