//! Years go by, clocks differ, and Secrets are lost; what is shown is trusted all the time.

use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use axum::Router;
use axum::response::{IntoResponse, Json};
use dtyp::ManualClock;
use http::{Method, StatusCode};
use k8s_openapi::jiff::Timestamp;
use k8s_openapi::jiff::fmt::rfc2822::DateTimePrinter;
use rustls_pki_types::CertificateDer;
use rustls_pki_types::pem::PemObject;

use super::*;

fn own() -> Own {
    Own {
        namespace: "gmsa".into(),
        secret: "webhook".into(),
        names: vec!["webhook.gmsa.svc".into()],
        configuration: None,
    }
}

/// As it comes back from the Secret.
fn again(kept: &Kept) -> Option<Kept> {
    read(&own().secret(kept, None))
}

fn serves(kept: &Kept, roots: &str, clock: &ManualClock) -> bool {
    let purpose = Purpose::server(["webhook.gmsa.svc"]);
    Roots::from_pem(roots.as_bytes()).unwrap().accept(&kept.identity, &purpose, clock.now())
}

#[test]
fn for_years_the_api_server_trusts_what_the_webhook_shows_at_every_moment() {
    let clock = ManualClock::new(FileTime::from_unix(1_800_000_000, 0));
    let (mut kept, changed) = own().next(None, "", &clock).unwrap();
    assert!(changed);
    let (mut leaves, mut authorities) = (0, 0);
    for _ in 0..(3 * 365) {
        clock.advance(Duration::from_secs(86_400));
        let before = again(&kept).unwrap();
        let (leaf, authority) = (before.identity.chain_pem().to_owned(), before.trusted.clone());
        let (next, _) = own().next(Some(before), "", &clock).unwrap();
        assert!(serves(&next, &authority, &clock), "what is shown hangs from what was trusted already");
        assert!(serves(&next, &next.trusted, &clock));
        leaves += usize::from(next.identity.chain_pem() != leaf);
        authorities += usize::from(first(&next.trusted) != first(&authority));
        kept = next;
    }
    assert!((20..=40).contains(&leaves) && (5..=7).contains(&authorities), "{leaves} {authorities}");
}

#[test]
fn what_has_expired_or_is_not_valid_yet_is_healed_in_one_round() {
    let clock = ManualClock::new(FileTime::from_unix(1_800_000_000, 0));
    let (first, _) = own().next(None, "", &clock).unwrap();
    let (text, year) = (first.trusted.clone(), 365 * 86_400);
    for (jump, same_authority) in [(100 * 86_400, true), (2 * year, false), (-2 * year, false), (-60, true)] {
        clock.set(FileTime::from_unix(1_800_000_000 + jump, 0));
        let (healed, _) = own().next(again(&first), "", &clock).unwrap();
        assert!(serves(&healed, &healed.trusted, &clock), "{jump}");
        assert_eq!(healed.trusted == text, same_authority, "{jump}");
        assert!(!own().next(again(&healed), "", &clock).unwrap().1, "there is nothing more to do");
    }
}

#[test]
fn of_two_replicas_whose_clocks_differ_one_gives_way() {
    let right = ManualClock::new(FileTime::from_unix(1_800_000_000, 0));
    let slow = ManualClock::new(FileTime::from_unix(1_800_000_000 - 86_400, 0));
    let (mut kept, _) = own().next(None, "", &right).unwrap();
    let mut changes = 0;
    for _ in 0..10 {
        for clock in [&slow, &right] {
            let (next, changed) = own().next(again(&kept), "", clock).unwrap();
            (kept, changes) = (next, changes + usize::from(changed));
            assert!(serves(&kept, &kept.trusted, &right));
        }
    }
    assert_eq!(changes, 1);
}

fn missing() -> serde_json::Value {
    json!({ "kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure", "message": "", "reason": "NotFound", "code": 404 })
}

/// An API server with the one Secret, and with the right time.
fn api(right: Arc<ManualClock>, writes: Arc<AtomicUsize>) -> Client {
    let stored: Arc<Mutex<Option<Secret>>> = Arc::default();
    let answer = move |request: Request<axum::body::Body>| {
        let (right, writes, stored) = (Arc::clone(&right), Arc::clone(&writes), Arc::clone(&stored));
        async move {
            let method = request.method().clone();
            let body = axum::body::to_bytes(request.into_body(), 1 << 20).await.unwrap();
            let mut stored = stored.lock().unwrap();
            if method != Method::GET {
                let mut secret: Secret = serde_json::from_slice(&body).unwrap();
                let number = writes.fetch_add(1, Ordering::SeqCst);
                secret.metadata.resource_version = Some(number.to_string());
                *stored = Some(secret);
            }
            let now = Timestamp::from_second(right.now().unix_seconds()).unwrap();
            let date = [(DATE, DateTimePrinter::new().timestamp_to_rfc9110_string(&now).unwrap())];
            match &*stored {
                Some(secret) => (date, Json(secret)).into_response(),
                None => (StatusCode::NOT_FOUND, date, Json(missing())).into_response(),
            }
        }
    };
    Client::new(Router::<()>::new().fallback(answer), "default")
}

#[tokio::test]
async fn replicas_whose_clocks_are_weeks_apart_agree_because_the_api_server_tells_the_time() {
    const WEEK: i64 = 7 * 86_400;
    let at = |seconds: i64| Arc::new(ManualClock::new(FileTime::from_unix(1_800_000_000 + seconds, 0)));
    let (right, writes) = (at(0), Arc::new(AtomicUsize::new(0)));
    let client = api(Arc::clone(&right), Arc::clone(&writes));
    for skews in [[8 * WEEK, 0, -8 * WEEK], [-200 * WEEK, 200 * WEEK, 0]] {
        let clocks = skews.map(at);
        let source = || Certificates::Own(own());
        let mut replicas = clocks.map(|clock| Keeper::new(source(), client.clone(), clock));
        for _ in 0..3 {
            for replica in &mut replicas {
                replica.round().await.unwrap();
                let (_, shown) = replica.shown.as_ref().unwrap();
                let shown = Certificate::read(&CertificateDer::from_pem_slice(shown).unwrap()).unwrap();
                assert!(shown.is_valid_at(right.now()), "the API server takes what it is shown");
            }
        }
    }
    assert_eq!(writes.load(Ordering::SeqCst), 1, "made once, and never again");
}

/// Replicas look at different moments, and each shows what it saw last until its next round.
#[test]
fn whatever_becomes_of_the_secret_the_api_server_trusts_what_every_replica_shows() {
    let clock = ManualClock::new(FileTime::from_unix(1_800_000_000, 0));
    let (mut kept, _) = own().next(None, "", &clock).unwrap();
    let mut shown = [kept.identity.chain_pem().to_owned(), kept.identity.chain_pem().to_owned()];
    let identity = |chain: &str, kept: &[Kept]| {
        let made = kept.iter().find(|one| one.identity.chain_pem() == chain).unwrap();
        Identity::from_pem(chain.as_bytes(), made.identity.key_pem().as_bytes()).unwrap()
    };
    let mut all = vec![again(&kept).unwrap()];
    // It is taken away twice, and in between an authority comes to its half.
    let mut authorities = 0;
    for round in 0..2_000 {
        clock.advance(ROUND / 2);
        if round == 700 {
            clock.advance(AUTHORITY.0 / 2);
        }
        let before = valid(kept.trusted.as_bytes(), clock.now()).unwrap();
        let found = if round == 100 || round == 1_400 { None } else { again(&kept) };
        let lost = found.is_none();
        let (next, _) = own().next(found, if lost { &before } else { "" }, &clock).unwrap();
        authorities += usize::from(first(&next.trusted) != first(&kept.trusted));
        kept = next;
        all.push(again(&kept).unwrap());
        kept.identity.chain_pem().clone_into(&mut shown[round % 2]);
        // At their half all certificates are exchanged, half a year before their end: what is shown is valid.
        if round != 700 {
            for chain in &shown {
                let purpose = Purpose::server(["webhook.gmsa.svc"]);
                let shown = identity(chain, &all);
                assert!(
                    Roots::from_pem(kept.trusted.as_bytes()).unwrap().accept(&shown, &purpose, clock.now()),
                    "{round}"
                );
            }
        }
    }
    assert_eq!(authorities, 3);
    assert_eq!(kept.trusted, kept.authority.certificate_pem(), "the ones before are forgotten");
}

#[test]
fn what_is_damaged_or_for_other_names_is_made_anew() {
    let clock = ManualClock::new(FileTime::from_unix(1_800_000_000, 0));
    let (kept, _) = own().next(None, "", &clock).unwrap();
    let mut secret = own().secret(&kept, None);
    assert!(read(&secret).is_some());
    let renamed = Own { names: vec!["other.gmsa.svc".into()], ..own() };
    let (next, changed) = renamed.next(read(&secret), "", &clock).unwrap();
    assert!(changed && next.trusted == kept.trusted && next.identity.chain_pem() != kept.identity.chain_pem());
    for name in ["ca.crt", "ca.key", "tls.crt", "tls.key"] {
        let whole = secret.data.clone();
        secret.data.as_mut().unwrap().insert(name.into(), ByteString(b"damaged".to_vec()));
        assert!(read(&secret).is_none(), "{name}");
        secret.data = whole;
    }
}
