//! Witnesses that lie, each in a thread of this process.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpListener;
use std::sync::Arc;

use cose::key::SigningKey;
use tlog::note::Cosigner;
use tlog::witness::AddCheckpoint;

/// How a liar answers.
#[derive(Clone, Copy)]
pub enum Lie {
    /// With the right key's name and id, and another signature.
    BadSignature,
    /// With a key of its own under the name.
    OtherKey,
    /// That it cosigned far more.
    FarAhead,
    /// Never.
    Silence,
}

/// A witness that lies, in a thread of this process: line for the policy.
pub fn liar(name: &str, lie: Lie) -> String {
    let key = || -> Arc<dyn cose::key::Signer> { Arc::new(SigningKey::generate_ed25519().expect("a key")) };
    let cosigner = Cosigner::new(&format!("liar.example/{name}"), key()).expect("a cosigner");
    let other = Cosigner::new(&format!("liar.example/{name}"), key()).expect("a cosigner");
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let line = format!(
        "witness {name} {} http://{}\n",
        cosigner.verifier().to_vkey(),
        listener.local_addr().expect("an address")
    );
    std::thread::spawn(move || {
        let mut held = Vec::new();
        for stream in listener.incoming() {
            let Ok(mut stream) = stream else { continue };
            if matches!(lie, Lie::Silence) {
                held.push(stream);
                continue;
            }
            let mut reader = BufReader::new(stream.try_clone().expect("a stream"));
            let (mut first, mut length) = (String::new(), 0);
            let _read = reader.read_line(&mut first);
            loop {
                let mut line = String::new();
                if reader.read_line(&mut line).is_err() || line.trim().is_empty() {
                    break;
                }
                if let Some(value) = line.to_lowercase().strip_prefix("content-length:") {
                    length = value.trim().parse().expect("a length");
                }
            }
            let mut body = vec![0; length];
            let _read = reader.read_exact(&mut body);
            let (code, answer) = match (AddCheckpoint::parse(&body), lie) {
                (Err(_), _) => (404, "nothing\n".to_owned()),
                (Ok(_), Lie::FarAhead) => (409, "1000000000\n".to_owned()),
                (Ok(request), Lie::OtherKey) => {
                    (200, other.cosign(request.checkpoint.text(), 1_800_000_000).expect("signed").to_line() + "\n")
                }
                (Ok(request), _) => {
                    let mut line = cosigner.cosign(request.checkpoint.text(), 1_800_000_000).expect("signed");
                    line.signature[70] ^= 1;
                    (200, line.to_line() + "\n")
                }
            };
            let length = answer.len();
            let _sent =
                write!(stream, "HTTP/1.1 {code} x\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n{answer}");
        }
    });
    line
}
