//! Pods with a gMSA admitted, in an open loop: reviews come at their times whatever became of those before, and a review's latency counts from
//! the time it was due. Each is the mutation of a pod of a service account that has not been seen before, so the webhook asks the API server
//! for each.

use std::sync::Arc;
use std::time::Duration;

use rustls::pki_types::ServerName;
use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::runtime::Builder;
use tokio::sync::Mutex;
use tokio::sync::mpsc::{Receiver, Sender, channel};
use tokio::time::{Instant, sleep_until};
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use crate::load::Sample;
use crate::report::Report;
use crate::server::Webhook;
use crate::{Arguments, BenchError, while_doing};

/// Reviews a second.
const RATE: u32 = 500;
/// More than an API server keeps open.
const CONNECTIONS: usize = 16;

/// A review that is due, and which.
type Due = (Instant, u64);

/// Measures as many turns as are wanted.
pub fn measure(arguments: &Arguments, report: &mut Report) -> Result<(), BenchError> {
    eprintln!("Measuring admission ...");
    let webhook = Webhook::start()?;
    let runtime = Builder::new_current_thread().enable_all().build().map_err(while_doing("starting a runtime"))?;
    let mut sample = Sample::default();
    let mut first = 0;
    // The first turn warms up.
    for turn in 0..=arguments.rounds {
        let count = (arguments.turn().as_secs_f64() * f64::from(RATE)).ceil() as u64;
        let (cpu, began) = (webhook.meter().cpu()?, Instant::now());
        let latencies = runtime.block_on(turn_of(&webhook, first, count))?;
        first += count;
        if turn > 0 {
            sample.add(latencies, began.elapsed(), webhook.meter().cpu()?.saturating_sub(cpu));
        }
    }
    report.load("admission at 500/s", webhook.meter().server(), sample);
    report.memory(webhook.meter())
}

async fn turn_of(webhook: &Webhook, first: u64, count: u64) -> Result<Vec<u32>, BenchError> {
    let (send, receive) = channel(usize::try_from(count).unwrap_or(usize::MAX).clamp(1, 1 << 20));
    let queue = Arc::new(Mutex::new(receive));
    let mut connections = tokio::task::JoinSet::new();
    for _ in 0..CONNECTIONS {
        let stream = connect(webhook).await?;
        connections.spawn(serve(stream, Arc::clone(&queue)));
    }
    schedule(send, first, count).await;
    let mut latencies = Vec::new();
    while let Some(one) = connections.join_next().await {
        latencies.extend(one.map_err(|error| BenchError::Answer(error.to_string()))??);
    }
    Ok(latencies)
}

/// Puts each into the queue when it is due, and never later because of others.
async fn schedule(send: Sender<Due>, first: u64, count: u64) {
    let began = Instant::now();
    for number in 0..count {
        let due = began + Duration::from_secs(number) / RATE;
        sleep_until(due).await;
        // Nobody reads on when all connections have failed, which they say themselves.
        let _ = send.send((due, first + number)).await;
    }
}

async fn connect(webhook: &Webhook) -> Result<TlsStream<TcpStream>, BenchError> {
    let connector = TlsConnector::from(pki::client_config(webhook.roots(), None)?);
    let stream = TcpStream::connect(webhook.address()).await.map_err(while_doing("connecting to the webhook"))?;
    stream.set_nodelay(true).map_err(while_doing("connecting to the webhook"))?;
    let name = ServerName::try_from("localhost").map_err(|error| BenchError::Answer(error.to_string()))?;
    connector.connect(name, stream).await.map_err(while_doing("shaking hands with the webhook"))
}

async fn serve(mut stream: TlsStream<TcpStream>, queue: Arc<Mutex<Receiver<Due>>>) -> Result<Vec<u32>, BenchError> {
    let mut latencies = Vec::new();
    loop {
        let next = queue.lock().await.recv().await;
        let Some((due, number)) = next else { return Ok(latencies) };
        review(&mut stream, number).await?;
        latencies.push(u32::try_from(due.elapsed().as_nanos()).unwrap_or(u32::MAX));
    }
}

async fn review(stream: &mut TlsStream<TcpStream>, number: u64) -> Result<(), BenchError> {
    let pod = json!({
        "apiVersion": "v1", "kind": "Pod", "metadata": { "name": format!("web-{number}"), "namespace": "shop" },
        "spec": {
            "serviceAccountName": format!("app-{number}"),
            "securityContext": { "windowsOptions": { "gmsaCredentialSpecName": Webhook::SPEC } },
            "containers": [{ "name": "web", "image": "web", "env": [{ "name": "A", "value": "b".repeat(2_000) }] }],
        },
    });
    let request = json!({ "uid": number.to_string(), "kind": { "kind": "Pod" }, "namespace": "shop", "operation": "CREATE", "object": pod });
    let body =
        json!({ "apiVersion": "admission.k8s.io/v1", "kind": "AdmissionReview", "request": request }).to_string();
    let head = format!(
        "POST /mutate HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n",
        body.len()
    );
    stream.write_all((head + &body).as_bytes()).await.map_err(while_doing("asking the webhook"))?;
    let mut answer = Vec::with_capacity(4_096);
    while !answer.ends_with(b"}}") {
        let read = stream.read_buf(&mut answer).await.map_err(while_doing("reading the webhook's answer"))?;
        if read == 0 {
            return Err(BenchError::Gone("webhook"));
        }
    }
    let text = String::from_utf8_lossy(&answer);
    match text.contains("\"allowed\":true") && text.contains("\"patch\":") {
        true => Ok(()),
        false => Err(BenchError::Answer(text.into_owned())),
    }
}
