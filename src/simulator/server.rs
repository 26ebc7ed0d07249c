//! The HTTP side: connections, bodies that break, and the moment at which something is billed.

use std::collections::VecDeque;
use std::io;
use std::net::Ipv4Addr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use http_body_util::{BodyExt as _, Limited};
use hyper::body::{Body, Bytes, Frame, Incoming};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::net::TcpListener;
use tokio::time::{Instant, Sleep, sleep_until};

use crate::simulator::exchange::{Ending, Reply, Request};
use crate::simulator::media::BLANK;
use crate::simulator::{Entry, FaultKind, Simulator};

/// Largest request, in bytes.
const LARGEST: usize = 64 << 20;

/// Between two pieces of a slow answer.
const DRIP: Duration = Duration::from_millis(200);

pub(super) fn serve(simulator: Simulator) -> io::Result<()> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    runtime.block_on(async move {
        let port = simulator.options.port;
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port)).await?;
        simulator.listener.listening(&format!("http://{}", listener.local_addr()?));
        let simulator = Arc::new(simulator);
        loop {
            let (stream, _) = listener.accept().await?;
            let simulator = Arc::clone(&simulator);
            tokio::spawn(async move {
                let service = service_fn(|request| serve_one(Arc::clone(&simulator), request));
                // A caller that goes away, and an answer that breaks on purpose, are no errors.
                let _ = http1::Builder::new().serve_connection(TokioIo::new(stream), service).await;
            });
        }
    })
}

async fn serve_one(
    simulator: Arc<Simulator>,
    request: hyper::Request<Incoming>,
) -> Result<hyper::Response<Payload>, io::Error> {
    let (head, body) = request.into_parts();
    let body = Limited::new(body, LARGEST).collect().await.map_err(io::Error::other)?.to_bytes();
    let header = |(name, value): (&hyper::header::HeaderName, &hyper::header::HeaderValue)| {
        (name.as_str().to_owned(), String::from_utf8_lossy(value.as_bytes()).into_owned())
    };
    let request = Request {
        method: head.method.as_str().to_owned(),
        path: head.uri.path().to_owned(),
        query: head.uri.query().unwrap_or_default().to_owned(),
        headers: head.headers.iter().map(header).collect(),
        body: body.to_vec(),
    };
    // Drawing and encoding would keep other connections waiting.
    let latency = if request.method == "POST" { simulator.options.latency } else { Duration::ZERO };
    let reply = tokio::task::spawn_blocking(move || simulator.answer(&request))
        .await
        .map_err(io::Error::other)?;
    tokio::time::sleep(latency).await;
    respond(reply)
}

fn respond(reply: Reply) -> Result<hyper::Response<Payload>, io::Error> {
    let Reply { status, headers, body, ending } = reply;
    if ending == Ending::None {
        return Err(io::Error::from(io::ErrorKind::ConnectionReset));
    }
    let mut response =
        hyper::Response::builder().status(status).header("content-length", body.len());
    for (name, value) in headers {
        response = response.header(name, value);
    }
    response.body(Payload::new(body, ending)).map_err(io::Error::other)
}

/// A body in pieces.
struct Payload {
    pieces: VecDeque<Bytes>,
    breaks: bool,
    drip: Option<Pin<Box<Sleep>>>,
}

impl Payload {
    fn new(body: Vec<u8>, ending: Ending) -> Self {
        let mut body = Bytes::from(body);
        let breaks = ending == Ending::Cut;
        if breaks {
            body.truncate(body.len() / 2);
        }
        let size = if ending == Ending::Slow { body.len() / 5 + 1 } else { body.len() };
        let mut pieces = VecDeque::new();
        while !body.is_empty() {
            pieces.push_back(body.split_to(size.clamp(1, body.len())));
        }
        let drip = (ending == Ending::Slow).then(|| Box::pin(sleep_until(Instant::now() + DRIP)));
        Self { pieces, breaks, drip }
    }
}

impl Body for Payload {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, io::Error>>> {
        if let Some(drip) = &mut self.drip {
            ready!(drip.as_mut().poll(context));
            drip.as_mut().reset(Instant::now() + DRIP);
        }
        match self.pieces.pop_front() {
            Some(piece) => Poll::Ready(Some(Ok(Frame::data(piece)))),
            None if self.breaks => {
                self.breaks = false;
                Poll::Ready(Some(Err(io::Error::from(io::ErrorKind::ConnectionReset))))
            }
            None => Poll::Ready(None),
        }
    }
}

impl Simulator {
    /// The fault of this request, if there is one.
    pub(super) fn play(&self, request: &Request) -> Option<FaultKind> {
        let kind = self.faults.next()?;
        self.listener.fault(kind, &request.path);
        Some(kind)
    }

    /// Bills and answers, or plays the fault: the one place where money is taken.
    pub(super) fn finish(
        &self,
        fault: Option<FaultKind>,
        entry: Entry,
        make: impl FnOnce(u64) -> Reply,
    ) -> Reply {
        if fault.is_none_or(FaultKind::is_billed) {
            self.charge(entry);
        }
        let number = self.next();
        match fault {
            None | Some(FaultKind::Refuse) => make(number),
            Some(FaultKind::Busy) => {
                Reply::text(429, "too many requests").header("retry-after-ms", "50")
            }
            Some(FaultKind::Broken | FaultKind::BilledBroken) => {
                Reply::text(500, "the server had an error")
            }
            Some(FaultKind::Reset) => Reply { ending: Ending::None, ..Reply::text(200, "") },
            Some(FaultKind::Truncate) => Reply { ending: Ending::Cut, ..make(number) },
            Some(FaultKind::Blank) => make(number | BLANK),
            Some(FaultKind::Slow) => Reply { ending: Ending::Slow, ..make(number) },
            Some(FaultKind::Garbage) => Reply::text(200, "<html>It works!</html>"),
        }
    }
}
