//! Responses. In: how a delivery ended. Out: status and body, and the outcome for the metrics. Never a reason that helps to guess a secret.

use std::convert::Infallible;

use runtime::fault::chain;
use runtime::outbox::{OutboxError, Stored};
use serde::Serialize;
use uuid::Uuid;
use warp::http::header::{ALLOW, RETRY_AFTER};
use warp::http::{HeaderValue, StatusCode};
use warp::reply::Response;
use warp::{Rejection, Reply};

use super::Ingest;
use crate::body::BodyError;
use crate::metrics::Outcome;
use crate::verify::VerifyError;

/// `Retry-After` of a 503, in seconds. GitLab ignores it; proxies and `gitpulse send` do not.
const RETRY_AFTER_SECONDS: &str = "5";

/// Why a delivery was refused; decides the response.
#[derive(Debug, thiserror::Error)]
pub(super) enum Refusal {
    #[error("the credentials are missing or wrong")]
    Unauthorized(VerifyError),
    #[error("deliveries from this address are not allowed")]
    Forbidden,
    #[error("this tenant is not bound to the project or group that the delivery is about")]
    Outside,
    #[error("compressed bodies are not supported; send the body uncompressed")]
    UnsupportedEncoding,
    #[error(transparent)]
    Body(#[from] BodyError),
    #[error("the event could not be stored; send it again")]
    Store(#[source] OutboxError),
    #[error("the event could not be written as JSON")]
    Envelope(#[source] serde_json::Error),
    #[error("the delivery could not be examined")]
    Lost,
}

impl Ingest {
    /// The only place that maps the result of a delivery to a response.
    pub(super) fn reply(&self, result: Result<(Uuid, Stored), Refusal>) -> (Outcome, Response) {
        let refusal = match result {
            Ok((id, stored)) => {
                let accepted = Accepted { status: "accepted", id };
                let outcome = match stored {
                    Stored::Kafka | Stored::Disk => Outcome::Accepted,
                    Stored::Spool => Outcome::Spooled,
                };
                return (outcome, warp::reply::json(&accepted).into_response());
            }
            Err(refusal) => refusal,
        };
        let (outcome, status, code) = match &refusal {
            Refusal::Unauthorized(_) => (Outcome::Unauthorized, StatusCode::UNAUTHORIZED, "unauthorized"),
            Refusal::Forbidden | Refusal::Outside => (Outcome::Forbidden, StatusCode::FORBIDDEN, "forbidden"),
            Refusal::UnsupportedEncoding => {
                (Outcome::UnsupportedEncoding, StatusCode::UNSUPPORTED_MEDIA_TYPE, "unsupported_encoding")
            }
            Refusal::Body(BodyError::TooLarge(_)) => {
                (Outcome::TooLarge, StatusCode::PAYLOAD_TOO_LARGE, "too_large")
            }
            Refusal::Body(BodyError::Timeout) => {
                (Outcome::BodyTimeout, StatusCode::REQUEST_TIMEOUT, "body_timeout")
            }
            Refusal::Body(BodyError::Broken(_)) => {
                (Outcome::BodyBroken, StatusCode::BAD_REQUEST, "body_broken")
            }
            Refusal::Body(BodyError::NoMemory) | Refusal::Store(_) | Refusal::Envelope(_) | Refusal::Lost => {
                (Outcome::Unavailable, StatusCode::SERVICE_UNAVAILABLE, "unavailable")
            }
        };
        if outcome == Outcome::Unavailable {
            self.unavailable.note(chain(&refusal));
        }
        let mut response = error(status, code, &refusal.to_string());
        if status == StatusCode::SERVICE_UNAVAILABLE {
            response.headers_mut().insert(RETRY_AFTER, HeaderValue::from_static(RETRY_AFTER_SECONDS));
        }
        (outcome, response)
    }
}

/// A request without a route: an unknown path, or another method.
pub(super) async fn rejected(rejection: Rejection) -> Result<Response, Infallible> {
    if rejection.find::<warp::reject::MethodNotAllowed>().is_some() {
        let mut response = error(
            StatusCode::METHOD_NOT_ALLOWED,
            "method_not_allowed",
            "webhooks are sent with POST, /healthz is read with GET",
        );
        response.headers_mut().insert(ALLOW, HeaderValue::from_static("GET, POST"));
        return Ok(response);
    }
    if rejection.is_not_found() {
        return Ok(error(StatusCode::NOT_FOUND, "not_found", "webhooks go to POST /api/v1/webhooks/gitlab"));
    }
    tracing::error!(?rejection, "a request was rejected for an unexpected reason");
    Ok(error(StatusCode::INTERNAL_SERVER_ERROR, "internal", "the request could not be read"))
}

#[derive(Serialize)]
struct Accepted {
    status: &'static str,
    id: Uuid,
}

#[derive(Serialize)]
struct ErrorBody<'a> {
    error: ErrorDetail<'a>,
}

#[derive(Serialize)]
struct ErrorDetail<'a> {
    code: &'a str,
    message: &'a str,
}

pub(super) fn error(status: StatusCode, code: &str, message: &str) -> Response {
    let body = ErrorBody { error: ErrorDetail { code, message } };
    warp::reply::with_status(warp::reply::json(&body), status).into_response()
}
