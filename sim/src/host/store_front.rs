//! Between a store's service and its callers: requests and answers come late, or give way to the reset of a stream.

use super::Hosts;
use crate::event_log::lock;
use crate::stream::Stream;
use core::time::Duration;
use cutover::node::proto::v1::{self, sink_server::Sink};
use cutover::sink::server::SinkService;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex};
use tonic::{Code, Request, Response, Status};

/// Codes with which a stream ends that a dying store resets, or that breaks on its way.
const RESETS: [Code; 4] = [Code::Unknown, Code::Internal, Code::Cancelled, Code::Unavailable];

/// The service of a store, whose requests and answers may not arrive. Clones share it.
#[derive(Clone)]
pub(super) struct SinkFront {
    pub(super) service: SinkService,
    pub(super) machine: u8,
    /// How many requests of a million do not arrive in time, or their answers.
    pub(super) ppm: u64,
    /// How long callers wait, in milliseconds.
    pub(super) patience_ms: u64,
    pub(super) chance: Arc<Mutex<Stream>>,
    pub(super) hosts: Hosts,
}

/// What becomes of a request.
enum Way {
    Arrives,
    /// The request arrives after so many milliseconds.
    Late(u64),
    Lost(Code),
    AnswerLate(u64),
    AnswerLost(Code),
}

fn reset(code: Code) -> Status {
    Status::new(code, "the stream was reset")
}

impl SinkFront {
    fn way<T>(&self, request: &Request<T>) -> Way {
        let (strikes, how, code, late_ms) = {
            let mut chance = lock(&self.chance);
            let strikes = chance.chance(self.ppm);
            let code = chance.pick(&RESETS).unwrap_or(Code::Unknown);
            (strikes, chance.below(4), code, chance.below(2 * self.patience_ms))
        };
        if self.hosts.calm.load(Ordering::Relaxed) {
            return Way::Arrives;
        }
        let from = request.remote_addr().map(|from| from.ip());
        if from.is_some_and(|from| self.hosts.is_cut_off(from, self.machine)) {
            self.hosts.event_log.count("fault", "cut-request");
            return Way::Lost(Code::Unavailable);
        }
        if !strikes {
            return Way::Arrives;
        }
        self.hosts.event_log.count("fault", "lose-answer");
        match how {
            0 => Way::Late(late_ms),
            1 => Way::AnswerLate(late_ms),
            2 => Way::Lost(code),
            _ => Way::AnswerLost(code),
        }
    }
}

/// A call of the service, or what becomes of it instead.
macro_rules! pass {
    ($self:ident, $call:ident, $request:ident) => {{
        let way = $self.way(&$request);
        match way {
            Way::Arrives => $self.service.$call($request).await,
            Way::Late(ms) => {
                tokio::time::sleep(Duration::from_millis(ms)).await;
                $self.service.$call($request).await
            }
            Way::Lost(code) => Err(reset(code)),
            Way::AnswerLate(ms) => {
                let answer = $self.service.$call($request).await;
                tokio::time::sleep(Duration::from_millis(ms)).await;
                answer
            }
            Way::AnswerLost(code) => {
                let _lost = $self.service.$call($request).await;
                Err(reset(code))
            }
        }
    }};
}

/// The calls of the service.
macro_rules! calls {
    ($($call:ident $request:ident $answer:ident,)*) => {
        #[tonic::async_trait]
        impl Sink for SinkFront {
            $(async fn $call(&self, request: Request<v1::$request>) -> Result<Response<v1::$answer>, Status> {
                pass!(self, $call, request)
            })*
        }
    };
}

calls! {
    write SinkWriteRequest SinkWriteResponse,
    read SinkReadRequest SinkReadResponse,
    prepare SinkPrepareRequest Prepared,
    seal SinkSealRequest SealReceipt,
    watermark SinkWatermarkRequest WatermarkReading,
    evidence SinkEvidenceRequest CatchUpEvidence,
    end SinkEndRequest Ended,
    drop SinkDropRequest Dropped,
    export SinkExportRequest SinkChunk,
    take SinkTakeRequest SinkTakeResponse,
    describe SinkDescribeRequest SinkDescribeResponse,
}
