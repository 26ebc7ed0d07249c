//! The simulator as a process of its own, and what it billed.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{self, Receiver};
use std::thread;

use serde_json::Value;

/// A running simulator; ended when dropped.
pub(crate) struct Bank {
    process: Child,
    /// Something that was billed. All it says is read, so that it never waits for a reader.
    billed: Receiver<()>,
    url: String,
}

impl Bank {
    /// Starts a simulator on a free port.
    pub(crate) fn open(arguments: &[&str]) -> Self {
        let mut process = Command::new(env!("CARGO_BIN_EXE_assetbuild"))
            .args(["simulator", "--port", "0", "--format", "ndjson"])
            .args(arguments)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()
            .expect("the binary runs");
        let mut lines = BufReader::new(process.stdout.take().expect("a pipe"));
        let mut line = String::new();
        lines.read_line(&mut line).expect("its first line");
        let first: Value = serde_json::from_str(&line).expect("an object on a line");
        let url = first["url"].as_str().expect("a URL").to_owned();
        let (sender, billed) = mpsc::channel();
        thread::spawn(move || {
            for line in lines.lines().map_while(Result::ok) {
                if line.contains("\"billed\"") {
                    // A test that is over needs no more of them.
                    let _ = sender.send(());
                }
            }
        });
        Self { process, billed, url }
    }

    /// The prefix of a provider's URLs.
    pub(crate) fn url(&self, path: &str) -> String {
        format!("{}{path}", self.url)
    }

    /// Waits until something was billed.
    pub(crate) fn wait_for_bill(&self) {
        self.billed.recv().expect("it runs until something is billed");
    }

    /// What it billed: number of results and millionths of a dollar.
    pub(crate) fn bill(&self) -> (usize, i64) {
        let bill = self.document();
        let entries = bill["entries"].as_array().expect("a list").len();
        (entries, bill["total_micros"].as_i64().expect("a number"))
    }

    /// The caller's names of the requests that were billed, with their millionths of a dollar.
    pub(crate) fn billed(&self) -> Vec<(String, i64)> {
        let entries = &self.document()["entries"];
        let billed = entries.as_array().expect("a list").iter().map(|entry| {
            let key = entry["key"].as_str().expect("a name").to_owned();
            let micros = entry["micros"].as_i64().expect("a number");
            // The projects say that 1,000 credits cost 22 cents.
            let is_credits = entry["unit"] == "credits";
            (key, if is_credits { micros * 22 / 100_000 } else { micros })
        });
        billed.collect()
    }

    fn document(&self) -> Value {
        serde_json::from_str(&self.get("/_bill", "")).expect("a JSON body")
    }

    /// What it answers to somebody with a key.
    pub(crate) fn get(&self, path: &str, key: &str) -> String {
        let address = self.url.trim_start_matches("http://");
        let mut stream = TcpStream::connect(address).expect("it listens");
        let request = format!(
            "GET {path} HTTP/1.1\r\nhost: {address}\r\nauthorization: Bearer {key}\r\n\
             connection: close\r\n\r\n"
        );
        stream.write_all(request.as_bytes()).expect("a request");
        let mut answer = String::new();
        stream.read_to_string(&mut answer).expect("an answer");
        let (_, body) = answer.split_once("\r\n\r\n").expect("a head and a body");
        body.to_owned()
    }
}

impl Drop for Bank {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
