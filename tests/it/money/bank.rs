//! The simulator as a process of its own, and what it billed.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::process::{Child, ChildStdout, Command, Stdio};

use serde_json::Value;

/// A running simulator; ended when dropped.
pub(crate) struct Bank {
    process: Child,
    lines: BufReader<ChildStdout>,
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
        Self { process, lines, url }
    }

    /// The prefix of a provider's URLs.
    pub(crate) fn url(&self, path: &str) -> String {
        format!("{}{path}", self.url)
    }

    /// Waits until something was billed.
    pub(crate) fn wait_for_bill(&mut self) {
        let mut line = String::new();
        while !line.contains("\"billed\"") {
            line.clear();
            assert_ne!(self.lines.read_line(&mut line).expect("a line"), 0, "it ended");
        }
    }

    /// What it billed: number of results and millionths of a dollar.
    pub(crate) fn bill(&self) -> (usize, i64) {
        let bill = self.document();
        let entries = bill["entries"].as_array().expect("a list").len();
        (entries, bill["total_micros"].as_i64().expect("a number"))
    }

    fn document(&self) -> Value {
        let address = self.url.trim_start_matches("http://");
        let mut stream = TcpStream::connect(address).expect("it listens");
        let request =
            format!("GET /_bill HTTP/1.1\r\nhost: {address}\r\nconnection: close\r\n\r\n");
        stream.write_all(request.as_bytes()).expect("a request");
        let mut answer = String::new();
        stream.read_to_string(&mut answer).expect("an answer");
        let (_, body) = answer.split_once("\r\n\r\n").expect("a head and a body");
        serde_json::from_str(body).expect("a JSON body")
    }
}

impl Drop for Bank {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
