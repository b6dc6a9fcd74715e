//! The `ErrorDetail` of a refused call, carried in the details of its `google.rpc.Status`.

use super::v1::{self, error_detail::Why};
use prost::Message as _;
use tonic::{Code, Status};

const TYPE_URL: &str = "type.googleapis.com/cutover.v1.ErrorDetail";

/// The message `google.rpc.Status`, which gRPC carries in the trailer `grpc-status-details-bin`.
#[derive(Clone, PartialEq, prost::Message)]
struct RpcStatus {
    #[prost(int32, tag = "1")]
    code: i32,
    #[prost(string, tag = "2")]
    message: String,
    #[prost(message, repeated, tag = "3")]
    details: Vec<prost_types::Any>,
}

/// A refusal before it is encoded as a `tonic::Status`.
#[derive(Clone, PartialEq, Debug)]
pub struct Problem {
    /// The gRPC status code.
    pub code: Code,
    /// The message for humans.
    pub message: String,
    /// The detail for programs.
    pub why: Why,
}

impl From<Problem> for Status {
    fn from(problem: Problem) -> Self {
        let Problem { code, message, why } = problem;
        with_detail(code, message, TYPE_URL, v1::ErrorDetail { why: Some(why) }.encode_to_vec())
    }
}

/// A status with one detail.
pub(super) fn with_detail(code: Code, message: String, type_url: &str, value: Vec<u8>) -> Status {
    let any = prost_types::Any { type_url: type_url.to_owned(), value };
    let details = RpcStatus { code: code.into(), message: message.clone(), details: vec![any] };
    Status::with_details(code, message, details.encode_to_vec().into())
}

/// The detail of this type in a status.
pub(super) fn detail(status: &Status, type_url: &str) -> Option<Vec<u8>> {
    let details = RpcStatus::decode(status.details()).ok()?.details;
    details.into_iter().find(|any| any.type_url == type_url).map(|any| any.value)
}

/// The message of a status followed by those of its sources, without repetitions. For a broken connection the
/// status's own message is empty.
#[must_use]
pub fn reasons(status: &Status) -> String {
    let mut text = status.message().to_owned();
    let mut next = core::error::Error::source(status);
    while let Some(source) = next {
        let cause = source.to_string();
        if !text.contains(&cause) {
            text = format!("{text}: {cause}");
        }
        next = source.source();
    }
    text
}

/// The `ErrorDetail` of a status, or `None` if it has none that can be decoded.
#[must_use]
pub fn detail_of(status: &Status) -> Option<Why> {
    v1::ErrorDetail::decode(detail(status, TYPE_URL)?.as_slice()).ok()?.why
}
