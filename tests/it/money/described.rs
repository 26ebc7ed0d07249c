//! Every request against the vendors' descriptions of their interfaces, served by a validating mock.
//!
//! `ASSETBUILD_PRISM` names the program (npm's @stoplight/prism-cli), `ASSETBUILD_DESCRIPTIONS` the
//! folder with the descriptions; without them the test says that it was skipped.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;

use assetbuild::catalog::{Catalog, State};

use super::KEY;
use super::catalogue::specs;
use crate::sample;
use crate::support::Project;
use crate::survive::{skip, tell};

/// Provider, description, settings, and specs beside those of every model.
const PROVIDERS: [(&str, &str, &str, &str); 6] = [
    ("openai", "openai-trimmed.json", "", EDITS),
    ("elevenlabs", "elevenlabs-trimmed.json", ", usd_per_1000_credits: 0.22", SONGS),
    ("elevenlabs", "elevenlabs-trimmed.json", ", reserve_credits: 1", ""),
    ("replicate", "replicate-trimmed.json", ", timeout: 1 s", ""),
    ("stable-diffusion", "stability-transcribed.json", "", IMAGE_TO_IMAGE),
    ("firefly", "firefly-transcribed.json", ", requests_per_minute: 100000, timeout: 1 s", LIKE),
];

const EDITS: &str = "- id: edited\n  generation: { type: image, provider: openai, edit: { image: art/dot.png, mask: art/dot.png } }\n  prompt: Red\n\
    - id: like\n  generation: { type: image, provider: openai, reference: { file: art/dot.png } }\n  prompt: Blue\n";

const SONGS: &str = "- id: auto\n  generation: { provider: elevenlabs, mode: music }\n  \
    prompt: { base: A theme, parameters: { composition_plan: auto, seed: 3, duration_seconds: 5 } }\n\
    - id: planned\n  generation: { provider: elevenlabs, mode: music }\n  \
    prompt: { base: A theme, parameters: { composition_plan: art/plan.json, seed: 3 } }\n\
    - id: said\n  generation: { provider: elevenlabs, mode: speech }\n  \
    prompt: { base: Hello, parameters: { voice: v1, seed: 3, stability: 0.5, previous_text: And } }\n\
    - id: long\n  generation: { provider: elevenlabs, duration_seconds: 2 }\n  \
    prompt: { base: Rain, parameters: { loop: true, prompt_influence: 0.5, output_format: pcm_16000 } }\n";

const IMAGE_TO_IMAGE: &str = "- id: edited\n  generation: { type: image, provider: stable-diffusion, model: sd3.5-large, edit: { image: art/dot.png } }\n  \
    prompt: { base: Red, negative: Blue, parameters: { strength: 0.5, seed: 3 } }\n";

const LIKE: &str = "- id: like\n  generation: { type: image, provider: firefly, reference: { file: art/dot.png } }\n  \
    prompt: { base: Blue, negative: Red, parameters: { size: 2048x2048, seed: 3 } }\n";

const PLAN: &str = r#"{ "positive_global_styles": ["calm"], "negative_global_styles": [], "sections": [
    { "section_name": "A", "positive_local_styles": [], "negative_local_styles": [],
      "duration_ms": 3000, "lines": [] }] }"#;

/// A request as it came, and the status of its answer.
#[derive(Debug, Clone)]
struct Exchange {
    head: String,
    body: Vec<u8>,
    status: u16,
    /// Shown when an assertion fails.
    #[allow(dead_code, reason = "for the message of a failed assertion")]
    answer: String,
}

impl Exchange {
    /// Method and path without numbers and names of things.
    fn endpoint(&self) -> String {
        let line = self.head.lines().next().unwrap_or_default();
        let mut words = line.split([' ', '?']);
        let method = words.next().unwrap_or_default();
        let path = words.next().unwrap_or_default();
        format!("{method} {path}")
    }

    fn is_picture(&self) -> bool {
        self.head.to_lowercase().contains("content-type: image/")
    }

    fn is_form(&self) -> bool {
        self.head.to_lowercase().contains("multipart/form-data")
    }
}

/// The mock behind a proxy that notes what passes; ended when dropped.
struct Mock {
    process: Child,
    inner: u16,
    outer: u16,
    passed: Arc<Mutex<Vec<Exchange>>>,
}

impl Mock {
    fn open(prism: &str, description: &Path) -> Self {
        let free = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let inner = free.local_addr().expect("an address").port();
        drop(free);
        let mut process = Command::new(prism)
            .args(["mock", "--errors", "-h", "127.0.0.1", "-p", &inner.to_string()])
            .arg(description)
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .expect("ASSETBUILD_PRISM can be run");
        let mut lines = BufReader::new(process.stdout.take().expect("a pipe")).lines();
        let is_ready = |line: &str| line.contains("is listening");
        while !is_ready(&lines.next().expect("it says when it listens").expect("text")) {}
        thread::spawn(move || lines.for_each(drop));

        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let outer = listener.local_addr().expect("an address").port();
        let passed = Arc::<Mutex<Vec<Exchange>>>::default();
        let notes = passed.clone();
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let notes = notes.clone();
                thread::spawn(move || pass(stream, inner, &notes));
            }
        });
        Self { process, inner, outer, passed }
    }

    fn passed(&self) -> Vec<Exchange> {
        self.passed.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// The status of a request without its credentials, and with a body that makes no sense.
    fn controls(&self, exchange: &Exchange) -> (u16, u16) {
        let is_secret = |line: &&str| {
            let line = line.to_lowercase();
            ["authorization:", "xi-api-key:", "x-api-key:"]
                .iter()
                .any(|name| line.starts_with(name))
        };
        let bare: Vec<&str> = exchange.head.lines().filter(|line| !is_secret(line)).collect();
        let (unnamed, _) = forward(&bare.join("\r\n"), &exchange.body, self.inner);
        let empty: &[u8] = match exchange.is_form() {
            true => b"",
            false => br#"{ "prompt": 7, "text": 7, "input": 7 }"#,
        };
        let is_length = |line: &&str| line.to_lowercase().starts_with("content-length:");
        let head: Vec<&str> = exchange.head.lines().filter(|line| !is_length(line)).collect();
        let head = format!("{}\r\ncontent-length: {}", head.join("\r\n"), empty.len());
        let (hollow, _) = forward(&head, empty, self.inner);
        (unnamed, hollow)
    }
}

impl Drop for Mock {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// Hands a request on, and the answer back. Tokens are made here: no description has them.
fn pass(mut stream: TcpStream, inner: u16, notes: &Mutex<Vec<Exchange>>) {
    let (head, body) = read_request(&mut stream);
    if head.contains("/ims/token/") {
        let body = r#"{"access_token":"simulated","token_type":"bearer","expires_in":86399}"#;
        let answer = format!(
            "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n{body}",
            body.len()
        );
        stream.write_all(answer.as_bytes()).expect("the tool waits for it");
        return;
    }
    let (status, mut answer) = forward(&head, &body, inner);
    if (status, head.contains("-async ")) == (202, true) {
        // The mock says "string" for where the job is to be asked about.
        let host = head.lines().find_map(|line| line.strip_prefix("host: ")).expect("a host");
        let at = |what: &str| format!("http://{host}/v3/{what}/urn:job:1");
        let (status_url, cancel_url) = (at("status"), at("cancel"));
        let body = format!(
            r#"{{"jobId":"urn:job:1","statusUrl":"{status_url}","cancelUrl":"{cancel_url}"}}"#
        );
        let head = "HTTP/1.1 202 Accepted\r\ncontent-type: application/json\r\ncontent-length:";
        answer = format!("{head} {}\r\n\r\n{body}", body.len()).into_bytes();
    }
    // The tool may have gone.
    let _ = stream.write_all(&answer);
    let answer = String::from_utf8_lossy(&answer).into_owned();
    notes.lock().unwrap_or_else(PoisonError::into_inner).push(Exchange {
        head,
        body,
        status,
        answer,
    });
}

fn read_request(stream: &mut TcpStream) -> (String, Vec<u8>) {
    let mut reader = BufReader::new(stream);
    let mut head = String::new();
    loop {
        let mut line = String::new();
        reader.read_line(&mut line).expect("a head");
        if line.trim_end().is_empty() {
            break;
        }
        head += &line;
    }
    let length = head
        .lines()
        .find_map(|line| line.to_lowercase().strip_prefix("content-length:")?.trim().parse().ok());
    let mut body = vec![0; length.unwrap_or(0)];
    reader.read_exact(&mut body).expect("a body");
    (head.trim_end().to_owned(), body)
}

/// Sends a request to the mock; its answer's status and all of it.
fn forward(head: &str, body: &[u8], inner: u16) -> (u16, Vec<u8>) {
    let mut stream = TcpStream::connect(("127.0.0.1", inner)).expect("the mock listens");
    let head = format!("{head}\r\nconnection: close\r\n\r\n");
    stream.write_all(head.as_bytes()).expect("a head");
    stream.write_all(body).expect("a body");
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).expect("an answer");
    let text = String::from_utf8_lossy(&answer[..answer.len().min(15)]).into_owned();
    let status = text.split(' ').nth(1).and_then(|status| status.parse().ok()).expect("a status");
    (status, answer)
}

/// A project that buys every model of a provider from the mock.
fn project(mock: &Mock, provider: &str, settings: &str, more: &str) -> Project {
    let engine =
        Catalog::shipped().find_provider(provider).expect("it is known").engines[0].clone();
    let mut text = String::new();
    for (number, model) in Catalog::shipped().models.iter().enumerate() {
        if model.family == provider && model.engine == engine.name && model.state != State::Retired
        {
            text += &specs(model, number).concat();
        }
    }
    let url = format!("http://127.0.0.1:{}", mock.outer);
    let assetfile = format!(
        "version: \"1.0\"\nproviders:\n  {provider}: {{ base_url: \"{url}\"{settings} }}\n"
    );
    let project =
        Project::with(&[("Assetfile.yaml", &assetfile), ("specs/a.yaml", &(text + more))]);
    project.write("art/dot.png", sample::picture(64, [255, 0, 0, 255]));
    project.write("art/plan.json", PLAN);
    engine.key_env.iter().fold(project, |project, name| project.variable(name, KEY))
}

#[test]
fn every_request_is_what_the_vendors_describe() {
    let (Ok(prism), Ok(folder)) =
        (std::env::var("ASSETBUILD_PRISM"), std::env::var("ASSETBUILD_DESCRIPTIONS"))
    else {
        return skip("ASSETBUILD_PRISM and ASSETBUILD_DESCRIPTIONS name no mock");
    };
    for (provider, description, settings, more) in PROVIDERS {
        let mock = Mock::open(&prism, &Path::new(&folder).join(description));
        let project = project(&mock, provider, settings, more);
        // What the mock answers is no picture and no sound.
        let output = project.run(&["--spend", "900"]);
        // Jobs that the mock never finishes are given up.
        let left = project.run(&["recover"]).stdout;
        let jobs = left.lines().filter(|line| line.contains("its job was not waited for"));
        if jobs.count() > 0 {
            let id = left.split_whitespace().next().expect("an id").to_owned();
            project.run(&["recover", &id, "--cancel"]);
        }
        let passed = mock.passed();
        let mut first: BTreeMap<String, Exchange> = BTreeMap::new();
        for exchange in &passed {
            let is_taken = (200..300).contains(&exchange.status);
            assert!(is_taken, "{provider}: {exchange:#?}\n{}", project.shown(&output));
            first.entry(exchange.endpoint()).or_insert_with(|| exchange.clone());
        }
        let mut refused = 0;
        for (endpoint, exchange) in &first {
            let (unnamed, hollow) = mock.controls(exchange);
            assert!((400..500).contains(&unnamed), "{endpoint}: {unnamed} without a key");
            refused += 1;
            // Any bytes are a picture to the descriptions.
            if !exchange.body.is_empty() && !exchange.is_picture() {
                assert!((400..500).contains(&hollow), "{endpoint}: {hollow} with a wrong body");
                refused += 1;
            }
        }
        let names: BTreeSet<&String> = first.keys().collect();
        assert!(!passed.is_empty(), "{provider}: nothing was asked\n{}", project.shown(&output));
        tell(&format!(
            "{provider}: {} taken, {refused} wrong ones refused: {names:?}",
            passed.len()
        ));
    }
}
