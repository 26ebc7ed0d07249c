//! Shows an expanded spec: the merged layers, each line with its origin, then the final prompt.

use std::fmt::Write as _;

use crate::base::{Diagnostics, SourceMap};
use crate::spec::decode::{self, Input};
use crate::spec::expand::{Context, Merged, Used, walk};
use crate::spec::keys::SPEC;
use crate::spec::op::GenerateOp;
use crate::spec::{AssetSpec, SpecFile, sent};
use crate::yaml::{Entry, Kind, Style, Value};

/// Columns before the origins, where lines are shorter.
const ORIGIN_COLUMN: usize = 48;

/// The merged spec of the asset `id` of `file` as YAML with the origin of each line, then the final
/// prompt, what would be sent on `today` (`YYYY-MM-DD`, UTC) and the published files.
///
/// None if the file gives no such asset.
pub fn render_expansion(
    sources: &SourceMap,
    file: &SpecFile,
    context: &Context<'_>,
    id: &str,
    today: &str,
) -> Option<String> {
    let mut found: Option<(Merged, Option<AssetSpec>)> = None;
    let mut used = Used::default();
    walk(file, context, &mut used, &mut |merged, _, used| {
        if merged.id == id && found.is_none() {
            let input = Input { merged: &merged, file: &file.path, context };
            let asset = decode::decode(&input, used, &mut Diagnostics::default());
            found = Some((merged, asset));
        }
    });
    let (merged, asset) = found?;
    let mut lines = Lines { sources, out: Vec::new() };
    if merged.tree.get("id").is_none() {
        let span = merged.span;
        let place = format!("{}, derived", sources.place(span));
        lines.out.push((format!("id: {id}"), place));
    }
    let mut entries: Vec<&Entry> = merged.tree.entries().iter().collect();
    entries.sort_by_key(|entry| SPEC.iter().position(|key| key.name == &*entry.key));
    for entry in entries {
        lines.entry(entry, 0, "");
    }
    let mut text = lines.finish();
    if let Some(asset) = asset {
        outcome(&asset, context, today, &mut text);
    }
    Some(text)
}

fn outcome(asset: &AssetSpec, context: &Context<'_>, today: &str, out: &mut String) {
    if let GenerateOp::Request(request) = &asset.generate {
        out.push_str("\n# prompt\n");
        out.push_str(&request.prompt.text);
        out.push('\n');
        if let Some(negative) = &request.negative {
            let _ = write!(out, "\n# negative prompt\n{negative}\n");
        }
        out.push('\n');
        for line in sent::describe(request, context.config, today) {
            let _ = writeln!(out, "# {line}");
        }
    }
    out.push_str("\n# files\n");
    for file in &asset.publish.files {
        let _ = writeln!(out, "{}", file.path);
    }
    let entry = &asset.publish.entry;
    let _ = writeln!(out, "\n# manifest\n{} in {}", entry.key, entry.section.join("."));
}

struct Lines<'a> {
    sources: &'a SourceMap,
    /// Text and origin of each line.
    out: Vec<(String, String)>,
}

impl Lines<'_> {
    fn map(&mut self, value: &Value, indent: usize) {
        for entry in value.entries() {
            self.entry(entry, indent, "");
        }
    }

    fn entry(&mut self, entry: &Entry, indent: usize, lead: &str) {
        let head = format!("{:indent$}{lead}{}:", "", entry.key);
        let below = indent + lead.len() + 2;
        let value = &entry.value;
        if let Some(inline) = inline(value) {
            let origin = self.origin(value);
            self.out.push((format!("{head} {inline}"), origin));
            return;
        }
        match &value.kind {
            Kind::Map(_) => {
                self.out.push((head, String::new()));
                self.map(value, below);
            }
            Kind::List(items) => {
                self.out.push((head, String::new()));
                for item in items.iter() {
                    self.item(item, below);
                }
            }
            Kind::Scalar { text, .. } => {
                let origin = self.origin(value);
                self.out.push((format!("{head} |"), origin));
                for line in text.trim_end().lines() {
                    self.out.push((format!("{:below$}{line}", ""), String::new()));
                }
            }
            Kind::Null => {}
        }
    }

    fn item(&mut self, item: &Value, indent: usize) {
        if let Some(inline) = inline(item) {
            let origin = self.origin(item);
            self.out.push((format!("{:indent$}- {inline}", ""), origin));
            return;
        }
        match item.entries().split_first() {
            Some((first, rest)) => {
                self.entry(first, indent, "- ");
                for entry in rest {
                    self.entry(entry, indent + 2, "");
                }
            }
            None => {
                self.out.push((format!("{:indent$}-", ""), String::new()));
                for inner in item.items() {
                    self.item(inner, indent + 2);
                }
            }
        }
    }

    fn origin(&self, value: &Value) -> String {
        let place = self.sources.place(value.span);
        match value.via.describe() {
            "" => place,
            via => format!("{place}, {via}"),
        }
    }

    fn finish(self) -> String {
        let mut text = String::new();
        for (line, origin) in self.out {
            if origin.is_empty() {
                text.push_str(&line);
            } else {
                let width = ORIGIN_COLUMN;
                let _ = write!(text, "{line:<width$}  # {origin}");
            }
            text.push('\n');
        }
        text
    }
}

/// The value on one line, if it has room there.
fn inline(value: &Value) -> Option<String> {
    match &value.kind {
        Kind::Null => Some("~".to_owned()),
        Kind::Scalar { text, style } if !text.trim_end().contains('\n') => Some(match style {
            Style::Plain => text.to_string(),
            _ => quoted(text.trim_end_matches('\n')),
        }),
        Kind::List(items) if items.iter().all(|item| item.text().is_some()) => {
            let items: Option<Vec<String>> = items.iter().map(inline).collect();
            items.map(|items| format!("[{}]", items.join(", ")))
        }
        Kind::Map(entries) if entries.is_empty() => Some("{}".to_owned()),
        _ => None,
    }
}

/// JSON's quoting, which YAML reads.
fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

#[cfg(test)]
mod tests {
    use crate::spec::tests::Project;

    #[test]
    fn every_line_of_an_expansion_says_where_it_comes_from() {
        let project = Project::new(
            "specs/a.yaml",
            "defaults:\n  generation: { type: image, provider: openai }\n  post_processing: [{ action: trim }]\nspecs:\n  - id: cup\n    prompt: A tin cup\n    metadata: { tags: [a, b] }\n#### Assetfile.yaml\nversion: 1.0\ndefaults:\n  image:\n    prompt:\n      style: |\n        thick\n        lines\n",
        );
        let rendered = expansion(&project, "cup");
        insta::assert_snapshot!(rendered.expect("the asset is there"), @r"
        id: cup                                           # specs/a.yaml:5
        metadata:
          tags: [a, b]                                    # specs/a.yaml:7
        generation:
          type: image                                     # specs/a.yaml:2, from defaults
          provider: openai                                # specs/a.yaml:2, from defaults
        prompt:
          style: |                                        # Assetfile.yaml:6, from the Assetfile's defaults
            thick
            lines
          base: A tin cup                                 # specs/a.yaml:6
        post_processing:
          - action: trim                                  # specs/a.yaml:3, from defaults

        # prompt
        A tin cup

        Style: thick
        lines

        # sent to openai gpt-image-2: by default background auto, moderation auto, output_format png, quality auto, size auto

        # files
        assets/cup.png

        # manifest
        cup in images
        ");
        let missing = expansion(&project, "no");
        assert_eq!(missing, None);
    }

    #[test]
    fn an_expansion_says_what_would_be_sent_to_whom() {
        let project = Project::new(
            "specs/a.yaml",
            r#"
specs:
  - id: coin
    generation: { provider: dalle-3, fallback: [stable-diffusion, firefly, manual] }
    prompt: { base: A coin, parameters: { size: 1024x1024, quality: hd, style: natural } }
  - id: bowl
    generation: { provider: dalle-3, model: dall-e-2 }
    prompt: A bowl
  - id: step
    generation: { provider: elevenlabs, duration_seconds: 0.3, fallback: bark }
    prompt: A step
#### Assetfile.yaml
version: 1.0
retired_models: { dall-e-3: gpt-image-2 }
"#,
        );
        let sent = |id| {
            let text = expansion(&project, id).expect("the asset is there");
            let lines = text.lines().filter(|line| {
                line.starts_with("# sent")
                    || line.starts_with("# not sent")
                    || line.starts_with("# fallback")
            });
            lines.collect::<Vec<_>>().join("\n")
        };
        insta::assert_snapshot!(sent("coin"), @r#"
        # sent to openai gpt-image-2 in place of dall-e-3: quality high (hd → high), size 1024x1024, style not sent, by default background auto, moderation auto, output_format png
        # fallback stable-diffusion sd3.5-large: aspect_ratio 1:1 (from size 1024x1024), quality not sent, style not sent, by default cfg_scale 4, output_format png
        # fallback firefly image3: size 1024x1024, quality not sent, style not sent
        # fallback manual: a person
        "#);
        insta::assert_snapshot!(sent("bowl"), @"# not sent: the model `dall-e-2` is retired since 2026-05-12; name a stand-in: retired_models: { dall-e-2: gpt-image-2 }");
        insta::assert_snapshot!(sent("step"), @r#"
        # sent to elevenlabs eleven_text_to_sound_v2: duration_seconds 0.5 (0.3 → 0.5), by default loop false, output_format mp3_44100_128, prompt_influence 0.3
        # fallback bark is unavailable: suno-ai/bark takes no `duration_seconds`
        "#);
    }

    fn expansion(project: &Project, id: &str) -> Option<String> {
        let file = &project.files[0];
        let today = "2026-11-23";
        super::render_expansion(&project.sources, file, &project.context(), id, today)
    }
}
