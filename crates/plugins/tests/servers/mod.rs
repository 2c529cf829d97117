//! Servers that do what a test says, over real HTTP and TLS on loopback, and keep what they were asked.
#![allow(dead_code, reason = "not every test needs all of it")]

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};

use rustls::{ServerConfig, ServerConnection, StreamOwned};

pub trait Stream: Read + Write {
    /// The socket beneath, past TLS.
    fn socket(&mut self) -> &mut TcpStream;
}

impl Stream for TcpStream {
    fn socket(&mut self) -> &mut TcpStream {
        self
    }
}

impl Stream for StreamOwned<ServerConnection, TcpStream> {
    fn socket(&mut self) -> &mut TcpStream {
        &mut self.sock
    }
}

/// What a server does with the question it has read.
pub type Behaviour = Box<dyn Fn(&str, &mut dyn Stream) + Send>;

/// A server that keeps the questions it got. Its first connection meets the first behaviour; the last one is for all that follow.
pub struct Server {
    pub port: u16,
    questions: Arc<Mutex<Vec<String>>>,
}

impl Server {
    pub fn start(tls: Option<Arc<ServerConfig>>, behaviours: Vec<Behaviour>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let questions = Arc::new(Mutex::new(Vec::new()));
        let seen = Arc::clone(&questions);
        std::thread::spawn(move || {
            let last = behaviours.len() - 1;
            for (n, socket) in listener.incoming().enumerate() {
                let behave = &behaviours[n.min(last)];
                meet(tls.clone(), socket.unwrap(), &seen, behave);
            }
        });
        Self { port, questions }
    }

    pub fn questions(&self) -> Vec<String> {
        self.questions.lock().unwrap().clone()
    }
}

fn meet(tls: Option<Arc<ServerConfig>>, socket: TcpStream, seen: &Mutex<Vec<String>>, behave: &Behaviour) {
    let mut stream: Box<dyn Stream> = match tls {
        None => Box::new(socket),
        Some(config) => Box::new(StreamOwned::new(ServerConnection::new(config).unwrap(), socket)),
    };
    let mut question = Vec::new();
    while !question.ends_with(b"\r\n\r\n") {
        let mut byte = [0];
        // Whoever does not trust this server hangs up here.
        if !stream.read(&mut byte).is_ok_and(|n| n == 1) {
            return;
        }
        question.push(byte[0]);
    }
    let mut question = String::from_utf8(question).unwrap();
    // What is left unread when a connection ends makes the system break it off.
    let length = question.lines().find_map(|line| line.to_lowercase().strip_prefix("content-length: ")?.parse().ok());
    let mut body = vec![0; length.unwrap_or(0)];
    if stream.read_exact(&mut body).is_err() {
        return;
    }
    question.push_str(&String::from_utf8(body).unwrap());
    seen.lock().unwrap().push(question.clone());
    behave(&question, &mut *stream);
    let _ = stream.flush();
}

/// This text, and the end.
pub fn says(text: impl Into<String>) -> Behaviour {
    let text = text.into();
    Box::new(move |_, stream| {
        let _ = stream.write_all(text.as_bytes());
    })
}

pub fn answer(status: u16, body: &str) -> String {
    answer_with(status, "", body)
}

pub fn answer_with(status: u16, headers: &str, body: &str) -> String {
    format!("HTTP/1.1 {status} X\r\nContent-Length: {}\r\nConnection: close\r\n{headers}\r\n{body}", body.len())
}

/// Nothing, until the other side gives up.
pub fn silent() -> Vec<Behaviour> {
    vec![Box::new(|_, stream| while stream.read(&mut [0; 64]).is_ok_and(|n| n > 0) {})]
}

/// An answer that never ends, byte by byte.
pub fn dripping() -> Vec<Behaviour> {
    vec![Box::new(|_, stream| {
        let _ = stream.write_all(b"HTTP/1.1 200 OK\r\n\r\n");
        while stream.write_all(b" ").and_then(|()| stream.flush()).is_ok() {
            std::thread::yield_now();
        }
    })]
}
