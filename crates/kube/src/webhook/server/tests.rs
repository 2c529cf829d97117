//! Slow senders, certificates that change under load, and the end: connections in memory, on a clock that only moves when nothing else does.

use std::path::Path;

use dtyp::{Clock, FileTime, ManualClock, SystemRandom};
use pki::{Authority, Purpose, Roots, Validity};
use rustls_pki_types::ServerName;
use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream, duplex};
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use super::*;
use crate::webhook::callers::Callers;
use crate::webhook::certificates::{Certificates, Keeper};
use crate::webhook::{ServiceAccount, Verdict};

struct NoCluster;

impl Lookups for NoCluster {
    async fn may_use(&self, _: &ServiceAccount, _: &str) -> Verdict {
        Verdict::Denied(String::new())
    }

    async fn spec(&self, _: &str) -> Result<Option<Value>, String> {
        Ok(None)
    }

    async fn spec_now(&self, _: &str) -> Result<Option<Value>, String> {
        Ok(None)
    }
}

/// A webhook whose certificate lies in a folder as the kubelet mounts Secrets: links to a link that is exchanged.
struct Site {
    folder: tempfile::TempDir,
    clock: Arc<ManualClock>,
    keeper: Keeper,
    roots: Roots,
    inside: Inside,
    stop: watch::Sender<()>,
}

fn issue(folder: &Path, generation: usize, clock: &dyn Clock) -> Roots {
    let authority = Authority::create("test", Validity::DAYS_90, clock).unwrap();
    let identity = authority.issue(&Purpose::server(["webhook"]), Validity::DAYS_90, clock).unwrap();
    let data = folder.join(format!("..{generation}"));
    std::fs::create_dir(&data).unwrap();
    std::fs::write(data.join("tls.crt"), identity.chain_pem()).unwrap();
    std::fs::write(data.join("tls.key"), identity.key_pem()).unwrap();
    let link = folder.join("..data_tmp");
    std::os::unix::fs::symlink(&data, &link).unwrap();
    std::fs::rename(link, folder.join("..data")).unwrap();
    authority.roots()
}

async fn site() -> Site {
    site_for(None).await
}

async fn site_for(callers: Option<Callers>) -> Site {
    let folder = tempfile::tempdir().unwrap();
    let clock = Arc::new(ManualClock::new(dtyp::SystemClock.now()));
    let roots = issue(folder.path(), 0, clock.as_ref());
    for name in ["tls.crt", "tls.key"] {
        std::os::unix::fs::symlink(Path::new("..data").join(name), folder.path().join(name)).unwrap();
    }
    let files = Certificates::Files { certificate: folder.path().join("tls.crt"), key: folder.path().join("tls.key") };
    let nobody = crate::api::Client::new(Router::<()>::new(), "default");
    let mut keeper = Keeper::new(files, nobody, Arc::clone(&clock) as Arc<dyn Clock>);
    let entrance = Entrance::open(keeper.round().await.unwrap(), callers).await.unwrap();
    let decider = Decider { lookups: NoCluster, random_hostname: false, random: Arc::new(SystemRandom) };
    let pages = router(Arc::new(Service { decider, metrics: Arc::new(Metrics::default()), events: None }));
    let (stop, stopped) = watch::channel(());
    let inside = Inside { places: Places::default(), entrance, pages, stopped };
    Site { folder, clock, keeper, roots, inside, stop }
}

impl Site {
    /// The sender's end of a connection that the webhook serves.
    fn connect(&self) -> DuplexStream {
        self.connect_from(1)
    }

    fn connect_from(&self, last: u8) -> DuplexStream {
        let (ours, theirs) = duplex(64 << 10);
        tokio::spawn(self.inside.clone().connection(theirs, [127, 0, 0, last].into()));
        ours
    }

    async fn call(&self, roots: &Roots) -> std::io::Result<TlsStream<DuplexStream>> {
        self.call_as(None, roots).await
    }

    async fn call_as(&self, who: Option<&pki::Identity>, roots: &Roots) -> std::io::Result<TlsStream<DuplexStream>> {
        let connector = TlsConnector::from(pki::client_config(roots, who).unwrap());
        connector.connect(ServerName::try_from("webhook").unwrap(), self.connect()).await
    }

    async fn call_from(&self, last: u8) -> TlsStream<DuplexStream> {
        let connector = TlsConnector::from(pki::client_config(&self.roots, None).unwrap());
        connector.connect(ServerName::try_from("webhook").unwrap(), self.connect_from(last)).await.unwrap()
    }
}

const HEAD: &str = "POST /validate HTTP/1.1\r\nhost: webhook\r\ncontent-type: application/json\r\n";

fn body(uid: &str) -> String {
    json!({ "request": { "uid": uid, "kind": { "kind": "Pod" }, "operation": "CREATE", "object": {} } }).to_string()
}

/// What comes back, up to the end of a JSON object.
async fn answered(stream: &mut TlsStream<DuplexStream>) -> String {
    let mut text = Vec::new();
    while !text.ends_with(b"}}") {
        let mut more = [0; 4_096];
        let read = stream.read(&mut more).await.unwrap();
        assert_ne!(read, 0, "the connection ended in the midst of {}", String::from_utf8_lossy(&text));
        text.extend_from_slice(&more[..read]);
    }
    String::from_utf8(text).unwrap()
}

async fn asked(stream: &mut TlsStream<DuplexStream>, uid: &str) {
    let body = body(uid);
    stream.write_all(format!("{HEAD}content-length: {}\r\n\r\n{body}", body.len()).as_bytes()).await.unwrap();
    let answer = answered(stream).await;
    assert!(answer.starts_with("HTTP/1.1 200") && answer.contains(&format!("\"uid\":\"{uid}\"")), "{answer}");
}

#[tokio::test(start_paused = true)]
async fn who_sends_slowly_or_nothing_is_let_go() {
    let site = site().await;
    let mut silent = site.connect();
    assert_eq!(silent.read(&mut [0; 64]).await.unwrap(), 0, "no handshake");

    // After the handshake nothing comes, or half of what begins HTTP/2, or all of that and no request.
    for beginning in ["", "PRI", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0"] {
        let mut silent = site.call(&site.roots).await.unwrap();
        silent.write_all(beginning.as_bytes()).await.unwrap();
        let begun = tokio::time::Instant::now();
        let _ = silent.read_to_end(&mut Vec::new()).await;
        assert!(begun.elapsed() <= 2 * PATIENCE, "{beginning:?}: {:?}", begun.elapsed());
    }
    let mut kept = site.call(&site.roots).await.unwrap();
    asked(&mut kept, "one").await;
    let begun = tokio::time::Instant::now();
    let _ = kept.read_to_end(&mut Vec::new()).await;
    assert!(begun.elapsed() <= IDLE + PATIENCE, "{:?}", begun.elapsed());

    let mut head = site.call(&site.roots).await.unwrap();
    head.write_all(HEAD.as_bytes()).await.unwrap();
    let mut text = Vec::new();
    let _ = head.read_to_end(&mut text).await;
    assert!(!String::from_utf8_lossy(&text).contains(" 200 "), "half a head");

    let mut half = site.call(&site.roots).await.unwrap();
    half.write_all(format!("{HEAD}content-length: 1000\r\n\r\n{{").as_bytes()).await.unwrap();
    let mut text = Vec::new();
    let _ = half.read_to_end(&mut text).await;
    assert!(String::from_utf8_lossy(&text).starts_with("HTTP/1.1 408"), "half a body");
}

#[tokio::test(start_paused = true)]
async fn certificates_are_exchanged_again_and_again_and_no_request_is_dropped() {
    let mut site = site().await;
    let first = site.roots.clone();
    let mut kept = site.call(&first).await.unwrap();
    for generation in 1..=4 {
        // Under way: its head and half of its body are sent before, the rest after.
        let mut under_way = site.call(&site.roots).await.unwrap();
        let uid = format!("under-way-{generation}");
        let text = body(&uid);
        let (one, two) = text.split_at(text.len() / 2);
        under_way.write_all(format!("{HEAD}content-length: {}\r\n\r\n{one}", text.len()).as_bytes()).await.unwrap();

        let before = site.roots.clone();
        site.roots = issue(site.folder.path(), generation, site.clock.as_ref());
        site.keeper.round().await.unwrap();

        under_way.write_all(two.as_bytes()).await.unwrap();
        assert!(answered(&mut under_way).await.contains(&uid));
        asked(&mut kept, "kept").await;
        asked(&mut site.call(&site.roots).await.unwrap(), "new").await;
        assert!(site.call(&before).await.is_err(), "the old one is not shown any more");
    }
}

#[tokio::test(start_paused = true)]
async fn a_certificate_that_cannot_be_read_leaves_the_last_one_in_use() {
    let mut site = site().await;
    for (file, text) in [("tls.crt", ""), ("tls.crt", "damaged"), ("tls.key", "damaged")] {
        let path = site.folder.path().join("..0").join(file);
        let whole = std::fs::read(&path).unwrap();
        std::fs::write(&path, text).unwrap();
        assert!(site.keeper.round().await.is_err(), "{file} {text:?}");
        asked(&mut site.call(&site.roots).await.unwrap(), "still").await;
        std::fs::write(&path, whole).unwrap();
    }
    // As when one of the two files is written before the other.
    let authority = Authority::create("test", Validity::DAYS_90, site.clock.as_ref()).unwrap();
    let other = authority.issue(&Purpose::server(["webhook"]), Validity::DAYS_90, site.clock.as_ref()).unwrap();
    std::fs::write(site.folder.path().join("..0/tls.crt"), other.chain_pem()).unwrap();
    assert!(site.keeper.round().await.is_err(), "a certificate of another key");
    asked(&mut site.call(&site.roots).await.unwrap(), "still").await;
    std::fs::write(site.folder.path().join("..0/tls.key"), other.key_pem()).unwrap();
    site.keeper.round().await.unwrap();
    asked(&mut site.call(&authority.roots()).await.unwrap(), "new").await;
}

/// As when cert-manager does not renew any more.
#[tokio::test(start_paused = true)]
async fn a_certificate_that_has_run_out_is_no_success() {
    let mut site = site().await;
    site.keeper.judge().unwrap();
    let ends = site.keeper.not_after().unwrap();
    for (when, valid) in
        [(ends.saturating_sub(Duration::from_secs(1)), true), (ends.saturating_add(Duration::from_secs(1)), false)]
    {
        site.clock.set(when);
        site.keeper.round().await.unwrap();
        assert_eq!(site.keeper.judge().is_ok(), valid);
        let metrics = Metrics::default();
        metrics.certificates(valid, site.keeper.not_after());
        let text = metrics.text();
        assert!(text.contains(&format!("certificates_failing {}", u8::from(!valid))), "{text}");
        assert!(text.contains(&format!("certificate_expiry_timestamp_seconds {}", ends.unix_seconds())), "{text}");
    }
    site.clock.set(FileTime::from_unix(1_000_000_000, 0));
    assert!(site.keeper.judge().unwrap_err().to_string().contains("have it renewed"), "it is not valid yet");
}

#[tokio::test(start_paused = true)]
async fn a_request_under_way_is_finished_when_the_webhook_stops() {
    let site = site().await;
    let mut idle = site.call(&site.roots).await.unwrap();
    asked(&mut idle, "before").await;
    let mut under_way = site.call(&site.roots).await.unwrap();
    let text = body("late");
    under_way.write_all(format!("{HEAD}content-length: {}\r\n\r\n", text.len()).as_bytes()).await.unwrap();
    // Until the webhook waits for the body.
    tokio::time::sleep(Duration::from_millis(1)).await;
    site.stop.send(()).unwrap();
    assert_eq!(idle.read(&mut [0; 64]).await.unwrap_or(0), 0, "who asks nothing is let go at once");
    under_way.write_all(text.as_bytes()).await.unwrap();
    assert!(answered(&mut under_way).await.contains("\"uid\":\"late\""));
}

#[tokio::test(start_paused = true)]
async fn where_callers_must_show_a_certificate_no_other_gets_an_answer() {
    let folder = tempfile::tempdir().unwrap();
    let clock = dtyp::SystemClock;
    let cluster = Authority::create("cluster", Validity::DAY, &clock).unwrap();
    let authorities = folder.path().join("ca.pem");
    std::fs::write(&authorities, cluster.certificate_pem()).unwrap();
    let callers = Callers { authorities: authorities.clone(), names: vec!["kube-apiserver".into()] };
    let site = site_for(Some(callers)).await;
    let of =
        |authority: &Authority, name: &str| authority.issue(&Purpose::client(name), Validity::DAY, &clock).unwrap();
    let stranger = Authority::create("cluster", Validity::DAY, &clock).unwrap();
    let refused = [None, Some(of(&cluster, "system:node:web-1")), Some(of(&stranger, "kube-apiserver"))];
    for who in &refused {
        // With TLS 1.3 the client is through before the server has looked.
        if let Ok(mut stream) = site.call_as(who.as_ref(), &site.roots).await {
            let _ = stream.write_all(format!("{HEAD}content-length: 2\r\n\r\n{{}}").as_bytes()).await;
            assert_eq!(stream.read(&mut [0; 64]).await.unwrap_or(0), 0, "{who:?}");
        }
    }
    asked(&mut site.call_as(Some(&of(&cluster, "kube-apiserver")), &site.roots).await.unwrap(), "api").await;

    // The authority is exchanged; a file that cannot be read changes nothing.
    std::fs::write(&authorities, "damaged").unwrap();
    assert!(site.inside.entrance.round().await.is_err());
    asked(&mut site.call_as(Some(&of(&cluster, "kube-apiserver")), &site.roots).await.unwrap(), "still").await;
    std::fs::write(&authorities, stranger.certificate_pem()).unwrap();
    site.inside.entrance.round().await.unwrap();
    asked(&mut site.call_as(Some(&of(&stranger, "kube-apiserver")), &site.roots).await.unwrap(), "new").await;
}

#[tokio::test(start_paused = true)]
async fn ten_megabytes_are_refused_and_their_sender_hears_why() {
    let site = site().await;
    let stream = site.call(&site.roots).await.unwrap();
    let body = vec![b' '; 10 << 20];
    let (mut reading, mut writing) = tokio::io::split(stream);
    let send = async {
        writing.write_all(format!("{HEAD}content-length: {}\r\n\r\n", body.len()).as_bytes()).await?;
        writing.write_all(&body).await
    };
    let receive = async {
        let mut text = [0; 64];
        let read = reading.read(&mut text).await?;
        std::io::Result::Ok(String::from_utf8_lossy(&text[..read]).into_owned())
    };
    let (sent, answer) = tokio::join!(send, receive);
    sent.unwrap();
    assert!(answer.unwrap().starts_with("HTTP/1.1 413"));
}

/// What is promised takes no room, from however many addresses; and what is there makes room for who has less.
#[tokio::test(start_paused = true)]
async fn bodies_that_never_end_keep_nobody_waiting() {
    let site = site().await;
    let announce = format!("{HEAD}content-length: {}\r\n\r\n", 4 << 20);
    for sent in [0, 3 << 20] {
        let mut held = Vec::new();
        for turn in 0..16 {
            let mut stream = site.call_from(2 + turn % 8).await;
            stream.write_all(announce.as_bytes()).await.unwrap();
            // When somebody has to give way it is the end of the connection.
            let _ = stream.write_all(&vec![b' '; sent]).await;
            held.push(stream);
        }
        let begun = tokio::time::Instant::now();
        for name in ["mutated", "validated"] {
            asked(&mut site.call(&site.roots).await.unwrap(), name).await;
        }
        assert!(begun.elapsed() < Duration::from_millis(100), "{sent}: {:?}", begun.elapsed());
    }
}

/// A byte now and then is no way to keep what was taken.
#[tokio::test(start_paused = true)]
async fn a_body_comes_at_a_least_speed() {
    let site = site().await;
    for (each, code) in [(64 << 10, " 200 "), (1, " 408 ")] {
        let text = format!("{}{}", body("slow"), " ".repeat(5 * (64 << 10)));
        let mut stream = site.call(&site.roots).await.unwrap();
        stream.write_all(format!("{HEAD}content-length: {}\r\n\r\n", text.len()).as_bytes()).await.unwrap();
        let (mut reading, mut writing) = tokio::io::split(stream);
        let sending = async {
            for part in text.as_bytes().chunks(each) {
                if writing.write_all(part).await.is_err() {
                    return;
                }
                tokio::time::sleep(Duration::from_millis(900)).await;
            }
        };
        let answer = async {
            let mut text = [0; 64];
            let read = reading.read(&mut text).await.unwrap();
            String::from_utf8_lossy(&text[..read]).into_owned()
        };
        let answer = tokio::select! {
            answer = answer => answer,
            () = async { sending.await; std::future::pending().await } => unreachable!(),
        };
        assert!(answer.contains(code), "{each}: {answer}");
    }
}

/// Silent before TLS, after it, and with half of a review: from as many addresses as it takes to have all places.
#[tokio::test(start_paused = true)]
async fn however_many_say_nothing_or_say_it_slowly_a_review_is_answered_at_once() {
    let site = site().await;
    let mut kept = site.call(&site.roots).await.unwrap();
    asked(&mut kept, "before").await;
    let mut held = Vec::new();
    for turn in 0..1_200_u16 {
        held.push(site.connect_from(2 + u8::try_from(turn % 20).unwrap()));
    }
    let mut half = Vec::new();
    for _ in 0..40 {
        let mut stream = site.call_from(2).await;
        stream.write_all(format!("{HEAD}content-length: 1000\r\n\r\n{{").as_bytes()).await.unwrap();
        half.push(stream);
    }
    let begun = tokio::time::Instant::now();
    asked(&mut site.call(&site.roots).await.unwrap(), "new").await;
    asked(&mut kept, "kept").await;
    assert!(begun.elapsed() < Duration::from_millis(100), "{:?}", begun.elapsed());
}

/// Answers that nobody reads are kept no longer than there is room for them.
#[tokio::test(start_paused = true)]
async fn an_answer_has_room_until_it_is_sent() {
    let places = Places::default();
    let place = Arc::new(places.place([127, 0, 0, 1].into()).await.unwrap());
    let mut room = Room::none(&place, What::Answer);
    assert!(room.hold(6 << 20).await);
    let long = "x".repeat((6 << 20) - 20);
    let sent = body::json(&json!({ "response": long }), room).await;
    let mut parts = sent.into_body().into_data_stream();
    let part = futures_util::StreamExt::next(&mut parts).await.unwrap().unwrap();
    drop(parts);
    let mut next = Room::none(&place, What::Answer);
    assert!(!next.hold(1 << 20).await, "it is still under way");
    assert!(part.starts_with(b"{\"response\":\"xxx"));
    drop(part);
    assert!(next.hold(6 << 20).await);
}

/// As when somebody who may make pods makes four at once that are as large as can be, through the API server that all reviews come from.
#[tokio::test(start_paused = true)]
async fn large_bodies_of_one_address_neither_wait_for_each_other_nor_keep_its_others_waiting() {
    let site = site().await;
    let begun = tokio::time::Instant::now();
    let size = 5 << 19;
    let text = format!("{}{}", body("large"), " ".repeat(size));
    let (head, rest) = text.split_at(2 << 20);
    let mut large = Vec::new();
    for _ in 0..4 {
        let mut stream = site.call(&site.roots).await.unwrap();
        stream.write_all(format!("{HEAD}content-length: {}\r\n\r\n", text.len()).as_bytes()).await.unwrap();
        stream.write_all(head.as_bytes()).await.unwrap();
        large.push(stream);
        asked(&mut site.call(&site.roots).await.unwrap(), "usual").await;
    }
    let mut codes = Vec::new();
    for mut stream in large {
        // Who gives way hears of it.
        stream.write_all(rest.as_bytes()).await.unwrap();
        let mut answer = [0; 12];
        stream.read_exact(&mut answer).await.unwrap();
        codes.push(String::from_utf8_lossy(&answer).into_owned());
    }
    assert!(codes.iter().filter(|code| code.ends_with("200")).count() >= 2, "{codes:?}");
    assert!(codes.iter().all(|code| code.ends_with("200") || code.ends_with("503")), "{codes:?}");
    assert!(begun.elapsed() < Duration::from_millis(100), "{:?}", begun.elapsed());
}

/// Who has a review at each of its connections gets no more of them, and keeps nobody else out.
#[tokio::test(start_paused = true)]
async fn connections_beyond_an_address_share_do_not_wait() {
    let site = site().await;
    let mut busy = Vec::new();
    for _ in 0..64 {
        let place = Arc::new(site.inside.places.place([127, 0, 0, 2].into()).await.unwrap());
        busy.push(place.answers());
    }
    let begun = tokio::time::Instant::now();
    let mut more = site.connect_from(2);
    assert_eq!(more.read(&mut [0; 64]).await.unwrap(), 0);
    asked(&mut site.call(&site.roots).await.unwrap(), "other").await;
    assert!(begun.elapsed() < Duration::from_millis(100), "{:?}", begun.elapsed());
}

/// RFC 9113 6.5.2: streams that wait for room leave the others of their connection what they may send.
#[tokio::test(start_paused = true)]
async fn all_streams_of_a_connection_have_their_windows_at_once() {
    let site = site().await;
    let mut stream = site.call(&site.roots).await.unwrap();
    stream.write_all(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0").await.unwrap();
    let mut head = [0; 9];
    stream.read_exact(&mut head).await.unwrap();
    assert_eq!(head[3], 4, "settings come first");
    let mut settings = vec![0; usize::from(head[2])];
    stream.read_exact(&mut settings).await.unwrap();
    let said = |kind: u8| {
        let setting = settings.chunks_exact(6).find(|setting| setting[..2] == [0, kind]).unwrap();
        u32::from_be_bytes(setting[2..].try_into().unwrap())
    };
    let (streams, window) = (said(3), said(4));
    assert!(streams > 1 && window > 4_096 && streams * window <= 65_535, "{streams} of {window}");
}
