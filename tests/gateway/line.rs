//! The line from a gateway to a store: it notes what is sent, and loses what it is told to lose.

use cutover::node::proto::v1::sink_client::SinkClient;
use cutover::node::proto::v1::{self, sink_server};
use std::collections::VecDeque;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use tokio::net::TcpListener;
use tonic::transport::server::TcpIncoming;
use tonic::transport::{Channel, Server};
use tonic::{Request, Response, Status};

type Answer<T> = Result<Response<T>, Status>;

/// What is lost of a write.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Loses {
    /// It does not arrive.
    Request,
    /// It arrives, and the answer does not.
    Answer,
}

#[derive(Clone)]
pub struct Line {
    to: SinkClient<Channel>,
    loses: Arc<Mutex<VecDeque<Loses>>>,
    writes: Arc<Mutex<Vec<v1::SinkWriteRequest>>>,
    ended: Arc<AtomicBool>,
}

impl Line {
    /// A line to the store at this address. Returns its own address, too.
    pub async fn start(to: SocketAddr) -> (Self, SocketAddr) {
        let to = SinkClient::connect(format!("http://{to}")).await.unwrap();
        let line = Self { to, loses: Arc::default(), writes: Arc::default(), ended: Arc::default() };
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let service = sink_server::SinkServer::new(line.clone());
        let server = Server::builder().add_service(service);
        tokio::spawn(server.serve_with_incoming(TcpIncoming::from(listener)));
        (line, address)
    }

    /// Loses this of the next writes, each in turn.
    pub fn lose(&self, loses: impl IntoIterator<Item = Loses>) {
        self.loses.lock().unwrap().extend(loses);
    }

    /// Nothing arrives any more.
    pub fn end(&self) {
        self.ended.store(true, Ordering::Relaxed);
    }

    /// The writes that were sent since this was asked last.
    pub fn writes(&self) -> Vec<v1::SinkWriteRequest> {
        std::mem::take(&mut self.writes.lock().unwrap())
    }
}

fn lost<T>() -> Answer<T> {
    Err(Status::unavailable("the line is cut"))
}

#[tonic::async_trait]
impl sink_server::Sink for Line {
    async fn write(&self, request: Request<v1::SinkWriteRequest>) -> Answer<v1::SinkWriteResponse> {
        self.writes.lock().unwrap().push(request.get_ref().clone());
        let loses = self.loses.lock().unwrap().pop_front();
        if loses == Some(Loses::Request) || self.ended.load(Ordering::Relaxed) {
            return lost();
        }
        let answer = self.to.clone().write(request.into_inner()).await;
        if loses.is_some() { lost() } else { answer }
    }

    async fn read(&self, request: Request<v1::SinkReadRequest>) -> Answer<v1::SinkReadResponse> {
        if self.ended.load(Ordering::Relaxed) {
            return lost();
        }
        self.to.clone().read(request.into_inner()).await
    }

    async fn prepare(&self, _: Request<v1::SinkPrepareRequest>) -> Answer<v1::Prepared> {
        lost()
    }

    async fn seal(&self, _: Request<v1::SinkSealRequest>) -> Answer<v1::SealReceipt> {
        lost()
    }

    async fn watermark(&self, _: Request<v1::SinkWatermarkRequest>) -> Answer<v1::WatermarkReading> {
        lost()
    }

    async fn evidence(&self, _: Request<v1::SinkEvidenceRequest>) -> Answer<v1::CatchUpEvidence> {
        lost()
    }

    async fn end(&self, _: Request<v1::SinkEndRequest>) -> Answer<v1::Ended> {
        lost()
    }

    async fn drop(&self, _: Request<v1::SinkDropRequest>) -> Answer<v1::Dropped> {
        lost()
    }

    async fn export(&self, _: Request<v1::SinkExportRequest>) -> Answer<v1::SinkChunk> {
        lost()
    }

    async fn take(&self, _: Request<v1::SinkTakeRequest>) -> Answer<v1::SinkTakeResponse> {
        lost()
    }

    async fn describe(&self, _: Request<v1::SinkDescribeRequest>) -> Answer<v1::SinkDescribeResponse> {
        lost()
    }
}
