//! One connection's task: between the socket and the [`Session`].
//!
//! Each turn receives once, lets the session answer all that came, and sends once. A peer that does not read what it asked for is
//! waited for while nothing more of its is read or done.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use ldap::ResultCode;
use ldap::response::Outcome;
use tokio::sync::{Semaphore, mpsc};
use tokio::time::{Instant, Sleep, sleep_until};
use tokio_rustls::TlsAcceptor;

use super::{Shutdown, stream::Stream};
use crate::Limits;
use crate::ldap::{Channel, Finished, LongSearch, Server, Session, Submit, Then};

/// How long a peer may take to read an answer before it is given up.
const SEND_WITHIN: Duration = Duration::from_secs(120);
/// How long a goodbye may take.
const GOODBYE_WITHIN: Duration = Duration::from_secs(5);

/// What happened while the session waited.
enum Event {
    Received(usize),
    Finished(Finished),
    Idle,
    Shutdown,
}

/// A connection.
pub(crate) struct Connection {
    stream: Stream,
    session: Session,
    server: Arc<Server>,
    tls: Option<TlsAcceptor>,
    limits: Limits,
    long_searches: Arc<Semaphore>,
    shutdown: Shutdown,
    finished: (mpsc::UnboundedSender<Finished>, mpsc::UnboundedReceiver<Finished>),
}

impl Connection {
    pub(crate) fn new(
        stream: Stream,
        channel: Channel,
        server: Arc<Server>,
        tls: Option<TlsAcceptor>,
        limits: Limits,
        long_searches: Arc<Semaphore>,
        shutdown: Shutdown,
    ) -> Self {
        let session = Session::new(Arc::clone(&server), channel);
        // As many as `max_updates` can be in it.
        let finished = mpsc::unbounded_channel();
        Self { stream, session, server, tls, limits, long_searches, shutdown, finished }
    }

    /// Serves it to its end.
    pub(crate) async fn serve(mut self) -> io::Result<()> {
        let idle = sleep_until(Instant::now() + self.limits.initial_receive);
        tokio::pin!(idle);
        let (mut last_heard, mut heard) = (Instant::now(), false);
        loop {
            match self.session.advance() {
                Then::Receive => {
                    self.send().await?;
                    // Before a bind, a request counts when all of it is there: a byte now and then keeps no connection.
                    if heard && (self.session.is_bound() || !self.session.is_within_message()) {
                        last_heard = Instant::now();
                    }
                    heard = false;
                    match self.event(idle.as_mut(), last_heard).await? {
                        Event::Received(0) => return self.goodbye().await,
                        Event::Received(_) => heard = true,
                        Event::Finished(finished) => self.session.finished(finished),
                        Event::Idle => return self.disconnect("the connection was idle for too long").await,
                        Event::Shutdown => return self.disconnect("the server is stopping").await,
                    }
                }
                Then::Send => self.send().await?,
                Then::Submit(submit) => self.submit(*submit).await?,
                Then::Await => {
                    self.send().await?;
                    if let Some(finished) = self.finished.1.recv().await {
                        self.session.finished(finished);
                    }
                }
                Then::Search(long) => {
                    if !self.long_search(long).await? {
                        return Ok(());
                    }
                    last_heard = Instant::now();
                }
                Then::StartTls => {
                    self.send().await?;
                    self.stream = self.stream.start_tls(self.tls.as_ref(), self.limits.initial_receive).await?;
                    if !self.session.started_tls() {
                        return Ok(());
                    }
                }
                Then::Close => return self.goodbye().await,
            }
        }
    }

    /// Waits for the next thing to happen. Updates that have ended are taken first, together.
    async fn event(&mut self, mut idle: std::pin::Pin<&mut Sleep>, last_heard: Instant) -> io::Result<Event> {
        loop {
            let waiting = self.session.has_updates();
            let limit = if self.session.is_bound() { self.limits.max_idle } else { self.limits.initial_receive };
            tokio::select! {
                biased;
                Some(finished) = self.finished.1.recv(), if waiting => return Ok(Event::Finished(finished)),
                received = self.stream.receive(self.session.space()) => return Ok(Event::Received(received?)),
                () = idle.as_mut() => {
                    let until = last_heard + limit;
                    if Instant::now() >= until && !waiting {
                        return Ok(Event::Idle);
                    }
                    idle.as_mut().reset(until.max(Instant::now() + Duration::from_secs(1)));
                }
                _ = self.shutdown.changed() => return Ok(Event::Shutdown),
            }
        }
    }

    async fn send(&mut self) -> io::Result<()> {
        let output = self.session.output();
        if output.is_empty() {
            return Ok(());
        }
        tokio::time::timeout(SEND_WITHIN, self.stream.send(output)).await.map_err(|_| io::ErrorKind::TimedOut)??;
        self.session.sent();
        Ok(())
    }

    /// What is read after it waits for a password's keys, but nobody else does.
    async fn submit(&self, submit: Submit) -> io::Result<()> {
        let submit = if directory::Directory::wants_preparation(&submit.update) {
            let directory = self.server.directory.clone();
            let prepare = move || {
                directory.prepare(&submit.caller, &submit.update);
                submit
            };
            tokio::task::spawn_blocking(prepare).await.map_err(io::Error::other)?
        } else {
            submit
        };
        let Submit { id, kind, caller, update } = submit;
        let sender = self.finished.0.clone();
        self.server.directory.submit(caller, update, move |result| {
            // Nobody waits any more when this fails.
            let _ = sender.send(Finished { id, kind, result });
        });
        Ok(())
    }

    /// Runs a long search in slices on another thread; what a slice found is sent before the next. Whether the peer is still there.
    async fn long_search(&mut self, mut long: Box<LongSearch>) -> io::Result<bool> {
        loop {
            self.send().await?;
            let permit = Arc::clone(&self.long_searches).acquire_owned().await.map_err(io::Error::other)?;
            let mut running = tokio::task::spawn_blocking(move || {
                long.run();
                long
            });
            let mut here = true;
            let run = loop {
                let hear = here && self.session.has_room();
                tokio::select! {
                    run = &mut running => break run.map_err(io::Error::other)?,
                    received = self.stream.receive(self.session.space()), if hear => here = received? > 0,
                }
            };
            drop(permit);
            if !here {
                return Ok(false);
            }
            match self.session.searched(run) {
                Some(more) => long = more,
                None => return Ok(true),
            }
        }
    }

    async fn disconnect(mut self, why: &str) -> io::Result<()> {
        self.session.disconnect(&Outcome::new(ResultCode::UNAVAILABLE, why));
        self.goodbye().await
    }

    /// Sends what is left and closes.
    async fn goodbye(mut self) -> io::Result<()> {
        let goodbye = async {
            while self.session.has_updates() {
                let Some(finished) = self.finished.1.recv().await else { break };
                self.session.finished(finished);
            }
            self.send().await?;
            self.stream.close().await
        };
        tokio::time::timeout(GOODBYE_WITHIN, goodbye).await.map_err(|_| io::ErrorKind::TimedOut)?
    }
}
