//! Microsoft Graph's `POST /v1.0/me/checkMemberGroups`: which of some groups the person is in.
//!
//! Like at Graph it takes 20 ids at most, and the permission to read one's own profile is enough.

use axum::Json;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::Response;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::Practice;
use crate::graph::{GraphError, caller};

const MOST: usize = 20;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Question {
    group_ids: Vec<String>,
}

pub(crate) async fn check(
    State(practice): State<Practice>,
    headers: HeaderMap,
    body: Bytes,
) -> Result<Json<Value>, Response> {
    let answer = async {
        let person = caller(&practice, &headers, "User.Read").await?;
        let Question { group_ids } = serde_json::from_slice(&body)
            .map_err(|_| GraphError::Invalid("Unable to read JSON request payload.".to_owned()))?;
        if group_ids.len() > MOST {
            return Err(GraphError::Invalid("The maximum number of group ids is 20.".to_owned()));
        }
        let is_in = |id: &String| person.groups.iter().any(|group| group.eq_ignore_ascii_case(id));
        let found: Vec<_> = group_ids.into_iter().filter(is_in).collect();
        let context = format!("{}/graph/v1.0/$metadata#Collection(Edm.String)", practice.base());
        Ok(json!({ "@odata.context": context, "value": found }))
    };
    answer.await.map(Json).map_err(|error| error.into_answer(&practice))
}
