//! `init` and `new`: the first files of a project, and an instance of a template.

use std::fs::{self, OpenOptions};
use std::io::Write as _;
use std::path::Path;

use crate::cli::args::{BuildArgs, NewArgs, PlanArgs, Selection as SelectionArgs};
use crate::cli::context::Context;
use crate::cli::error::CliError;
use crate::cli::exit::ExitCode;
use crate::pipeline::{self, Selection, Session};
use crate::plan::Policy;

const ASSETFILE: &str = "\
# What assetbuild knows about this project. Every key: docs/reference.md of assetbuild.
version: \"1.0\"
specs: [\"specs/**/*.yaml\"]
assets_dir: assets
manifest: assets/manifest.json
";

const FIRST_SPEC: &str = "\
# Each entry becomes a file under assets/ and an entry in assets/manifest.json.
defaults:
  generation: { type: image, provider: placeholder, size: 64x64 }
specs:
  - { id: hello-hero }
  - { id: hello-coin, generation: { size: 32x32 } }
";

const GITATTRIBUTES: &str = "\
# Texts that assets are made from have one form of line ends on every system.
*.yaml text eol=lf
*.svg text eol=lf
*.md text eol=lf
assetbuild.lock text eol=lf
";

/// Writes the first files of a project; none of those that exist is touched.
pub fn init(context: &Context) -> Result<ExitCode, CliError> {
    let root = context.directory()?;
    if root.join("Assetfile.yaml").exists() {
        return Err(CliError::Usage("there is an Assetfile.yaml here already".to_owned()));
    }
    let files = [
        ("Assetfile.yaml", ASSETFILE),
        ("specs/hello.yaml", FIRST_SPEC),
        (".gitattributes", GITATTRIBUTES),
    ];
    for (name, text) in files {
        match write_new(&root.join(name), text) {
            Ok(()) => context.mention(&format!("wrote {name}")),
            Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => {
                context.mention(&format!("kept {name}, which was there"));
            }
            Err(source) => return Err(CliError::Io { action: format!("write {name}"), source }),
        }
    }
    context.mention("next: assetbuild --plan, then assetbuild");
    Ok(ExitCode::Success)
}

/// Writes an instance of a template to a spec file of its own and shows its plan, or builds it.
pub fn new(context: &Context, args: &NewArgs) -> Result<ExitCode, CliError> {
    let session = context.open()?;
    let name = instance_name(args);
    let file = format!("{}{name}.yaml", specs_folder(context, &session)?);
    let path = session.root().join(&file);
    let text = instance_text(args);
    match write_new(&path, &text) {
        Ok(()) => context.mention(&format!("wrote {file}")),
        Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => {
            return Err(CliError::Usage(format!("{file} exists already")));
        }
        Err(source) => return Err(CliError::Io { action: format!("write {file}"), source }),
    }
    let selection = SelectionArgs { assets: vec![file.clone()], ..SelectionArgs::default() };
    let (policy, execution) = (args.policy.clone(), args.execution.clone());
    let result = if args.build {
        super::build::build(
            context,
            &BuildArgs { selection, policy, execution, ..BuildArgs::default() },
        )
    } else {
        super::plan::plan(context, &PlanArgs { selection, policy, detailed_exitcode: false })
    };
    if matches!(result, Err(CliError::Invalid)) {
        // A file that does not expand helps nobody; what was typed is still in the shell's history.
        let removed = fs::remove_file(&path);
        removed.map_err(|source| CliError::Io { action: format!("remove {file}"), source })?;
        context.talk(&format!("{file} was removed again"));
    }
    result
}

/// The folder, with a slash, where the project's first pattern for specs finds new files.
fn specs_folder(context: &Context, session: &Session) -> Result<String, CliError> {
    let selection = Selection::default();
    let today = context.today();
    let request = pipeline::Request {
        selection: &selection,
        policy: Policy::default(),
        uses_cache: false,
        last_run: None,
        wakes_selected: false,
        today: &today,
        clock: context.clock,
        on_change: None,
    };
    let prepared = pipeline::prepare(session, &request)?;
    if prepared.has_errors() {
        super::plan::show_diagnostics(context, &prepared)?;
    }
    let pattern = prepared.loaded.config.specs.first().map_or("specs/", String::as_str);
    let pattern = pattern.trim_start_matches("./");
    let wild = pattern.find(['*', '?', '[', '{']).unwrap_or(pattern.len());
    Ok(pattern[..pattern[..wild].rfind('/').map_or(0, |slash| slash + 1)].to_owned())
}

/// The template and the values, as a file name.
fn instance_name(args: &NewArgs) -> String {
    let slug = |text: &str| {
        let keep = |c: char| if c.is_alphanumeric() { c.to_ascii_lowercase() } else { '-' };
        text.chars().map(keep).collect::<String>()
    };
    let values = args.parameters.iter().map(|(_, value)| slug(value));
    std::iter::once(slug(&args.template)).chain(values).collect::<Vec<_>>().join("-")
}

fn write_new(path: &Path, text: &str) -> std::io::Result<()> {
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder)?;
    }
    OpenOptions::new().write(true).create_new(true).open(path)?.write_all(text.as_bytes())
}

/// The instance as a spec file; every value is quoted, since its type is the template's business.
fn instance_text(args: &NewArgs) -> String {
    let quote = |text: &str| format!("{}", serde_json::Value::from(text));
    let mut text = format!("use: {}\n", quote(&args.template));
    if !args.parameters.is_empty() {
        text += "with:\n";
        for (name, value) in &args.parameters {
            text += &format!("  {name}: {}\n", quote(value));
        }
    }
    if let Some(name) = &args.output_name {
        text += &format!("output_name: {}\n", quote(name));
    }
    text
}
