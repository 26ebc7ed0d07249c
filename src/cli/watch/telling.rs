//! What a watch tells: each thing once for as long as it stands, to the screen, the lines and whoever
//! follows its feed.

use std::collections::BTreeSet;
use std::sync::Arc;

use serde_json::json;

use crate::base::{Diagnostic, RelPath, Severity, SourceMap};
use crate::cli::args::Execution;
use crate::cli::context::Context;
use crate::cli::diagnostics;
use crate::cli::error::CliError;
use crate::cli::held::warnings;
use crate::cli::spend;
use crate::event::{Event, Offer, Reporter, Summary};
use crate::execute::with_causes;
use crate::pipeline::load::Loaded;
use crate::pipeline::purchases::Item;
use crate::pipeline::{Prepared, Session, Touched};
use crate::plan::AssetPlan;
use crate::report::screen::Screen;
use crate::report::{Fanout, Format, Reporters, elapsed_since};

/// An asset, if it is about one, and what is to be known.
type Standing = (Option<String>, String);

/// Tells what a watch finds.
pub(super) struct Telling {
    reporter: Arc<Fanout>,
    screen: Option<Arc<Screen>>,
    /// The name of the project's folder.
    name: String,
    /// Files and folders that a build writes.
    results: Touched,
    /// Mistakes that stand.
    mistakes: Option<Mistakes>,
    /// Why the project cannot be looked at.
    error: Option<String>,
    held: BTreeSet<Standing>,
    offers: Vec<Offer>,
    /// Why a folder is not watched.
    unwatched: Option<String>,
    /// Whether nothing is built.
    is_still: bool,
    is_ready: bool,
}

/// What is wrong in the user's files.
struct Mistakes {
    text: String,
    has_errors: bool,
    /// The files that it is about.
    files: BTreeSet<RelPath>,
}

impl Mistakes {
    fn of(context: &Context, found: &[Diagnostic], loaded: &Loaded) -> Option<Self> {
        let sources = &loaded.sources;
        let labels = found.iter().flat_map(|one| &one.labels);
        (!found.is_empty()).then(|| Self {
            text: diagnostics::render_human(found, sources, context.terminal.drawing()),
            has_errors: found.iter().any(|one| one.severity == Severity::Error),
            files: labels
                .map(|label| sources.file(label.span.file).path.clone())
                .chain(loaded.warned.iter().cloned())
                .collect(),
        })
    }
}

impl Telling {
    /// `others` hear of everything too.
    pub(super) fn new(
        context: &Context,
        args: &Execution,
        session: &Session,
        screen: Option<Arc<Screen>>,
        others: Vec<Arc<dyn Reporter>>,
    ) -> Result<Self, CliError> {
        let mut reporter = match &screen {
            Some(screen) => {
                let mut fanout = Fanout::default();
                fanout.push(screen.clone());
                fanout
            }
            None => Reporters {
                format: context.format(),
                verbosity: context.global.verbosity(),
                palette: context.terminal.palette(),
                is_terminal: false,
                log: args.log_format.map(Into::into),
                trace: args.trace.as_deref(),
            }
            .select(elapsed_since(context.clock), Default::default())
            .map_err(|source| CliError::Io {
                action: "create the trace file".to_owned(),
                source,
            })?,
        };
        others.into_iter().for_each(|other| reporter.push(other));
        let root = session.root().canonicalize().unwrap_or_default();
        let name = root.file_name().map(|name| name.to_string_lossy().into_owned());
        Ok(Self {
            reporter: Arc::new(reporter),
            screen,
            name: name.unwrap_or_else(|| "assetbuild".to_owned()),
            results: Touched::default(),
            mistakes: None,
            error: None,
            is_still: false,
            held: BTreeSet::new(),
            offers: Vec::new(),
            unwatched: None,
            is_ready: false,
        })
    }

    /// Who hears of everything.
    pub(super) fn reporter(&self) -> Arc<Fanout> {
        self.reporter.clone()
    }

    /// Names what a build writes: no news beside what somebody else changed.
    pub(super) fn set_results<'p>(&mut self, paths: impl IntoIterator<Item = &'p str>) {
        self.results = Touched::default();
        paths.into_iter().for_each(|path| self.results.add(path));
    }

    /// Tells what was seen to change.
    pub(super) fn changed(&self, touched: &Touched) {
        let paths: Vec<String> = touched.paths().map(str::to_owned).collect();
        if let Some(screen) = &self.screen {
            if !touched.is_empty() {
                screen.hide_pane();
            }
            let is_news = |path: &&String| !self.results.concerns(path) && !is_aside(path);
            let others: Vec<String> = paths.iter().filter(is_news).cloned().collect();
            screen.set_changed(if others.is_empty() { paths.clone() } else { others });
        }
        self.reporter.report(&Event::Changed { paths });
    }

    /// Tells what is wrong in the user's files, and when that is over.
    pub(super) fn mistakes(&mut self, context: &Context, prepared: &Prepared) {
        let loaded = &prepared.loaded;
        let (found, sources) = (loaded.diagnostics.clone().into_sorted(), &loaded.sources);
        let had_error = self.error.is_some();
        let before = self.mistakes.take();
        let had_errors = before.as_ref().is_some_and(|mistakes| mistakes.has_errors);
        let shown = before.as_ref().map(|mistakes| mistakes.text.clone());
        // Files that sleep were not read: what was warned of in them stands.
        let is_partial = loaded.asleep.is_some() && found.is_empty() && !had_error;
        let is_read = |path: &RelPath| loaded.units.contains_key(path);
        let stands = |mistakes: &Mistakes| {
            is_partial && !mistakes.has_errors && !mistakes.files.iter().any(is_read)
        };
        let now = before.filter(stands).or_else(|| Mistakes::of(context, &found, loaded));
        let text = now.as_ref().map(|mistakes| &*mistakes.text);
        // Whether an error is over shows when all is done.
        let is_news = if had_error { text.is_some() } else { shown.as_deref() != text };
        if is_news {
            self.error = None;
            self.show(context, &found, sources, text);
        }
        self.mistakes = now;
        if had_errors && !prepared.has_errors() && self.screen.is_none() {
            context.mention("mended");
        }
    }

    /// Tells that the project could be looked at and built, if it could not before.
    pub(super) fn recovered(&mut self, context: &Context) {
        if self.error.take().is_none() {
            return;
        }
        self.show(context, &[], &SourceMap::default(), None);
        if self.screen.is_none() {
            context.mention("mended");
        }
    }

    fn show(
        &self,
        context: &Context,
        found: &[Diagnostic],
        sources: &SourceMap,
        text: Option<&str>,
    ) {
        let diagnostics = diagnostics::to_json(found, sources);
        let diagnostics = diagnostics.as_array().cloned().unwrap_or_default();
        self.reporter.report(&Event::Mistakes { diagnostics });
        match &self.screen {
            Some(screen) => screen.set_mistakes(text.map(str::to_owned)),
            // There they are events.
            None if context.format() == Format::Ndjson => {}
            None => context.show(found, sources),
        }
    }

    /// Tells why the project cannot be looked at or built; whether that is news.
    pub(super) fn error(&mut self, context: &Context, error: &CliError) -> bool {
        let message = with_causes(error);
        if self.error.as_ref() == Some(&message) {
            return false;
        }
        let document =
            json!({ "severity": "error", "code": "watch::unreadable", "message": message });
        self.reporter.report(&Event::Mistakes { diagnostics: vec![document] });
        match &self.screen {
            Some(screen) => screen.set_mistakes(Some(format!("error: {message}"))),
            None => {
                let label = context.terminal.palette().error("error");
                context.talk(&format!("{label}: {message}"));
            }
        }
        self.error = Some(message);
        self.standstill();
        true
    }

    /// Forgets failures of assets that are gone, or sleep: those did not fail.
    pub(super) fn present(&self, prepared: &Prepared) {
        let Some(screen) = &self.screen else { return };
        // What failed is never left out of what is loaded.
        let ids: BTreeSet<&str> = prepared.loaded.assets.iter().map(|asset| &*asset.id).collect();
        screen.keep_failed(|id| ids.contains(id));
    }

    /// Tells how the project stands. `as_recorded`: how many files have mistakes and count as they were.
    pub(super) fn title(&mut self, summary: &Summary, as_recorded: usize) {
        self.is_still = false;
        let Some(screen) = &self.screen else { return };
        let name = &self.name;
        let assets = match summary.assets {
            1 => "1 asset".to_owned(),
            assets => format!("{assets} assets"),
        };
        let state = match summary.assets.saturating_sub(summary.fresh + summary.built) {
            0 => "all fresh".to_owned(),
            others => format!("{others} not fresh"),
        };
        screen.set_title(match as_recorded {
            0 => format!("{name}: {assets}, {state}"),
            1 => format!("{name}: {assets}, {state}; one file with mistakes stays as it was"),
            files => {
                format!("{name}: {assets}, {state}; {files} files with mistakes stay as they were")
            }
        });
    }

    /// Tells that nothing is built.
    pub(super) fn standstill(&mut self) {
        self.waiting(&[]);
        if !std::mem::replace(&mut self.is_still, true) && self.screen.is_none() {
            let message = "nothing is built while these mistakes stand".to_owned();
            self.reporter.report(&Event::Warning { asset: None, message });
        }
        if let Some(screen) = &self.screen {
            screen.set_title(format!("{}: not built while there are mistakes", self.name));
        }
    }

    /// Tells what cannot be built, once for as long as it stands.
    pub(super) fn held(&mut self, held: &[AssetPlan], prepared: &Prepared, format: Format) {
        let mut standing = BTreeSet::new();
        for warning in warnings(held, prepared, format) {
            let Event::Warning { asset, message } = &warning else { continue };
            let entry = (asset.clone(), message.clone());
            if self.screen.is_none() && !self.held.contains(&entry) {
                self.reporter.report(&warning);
            }
            standing.insert(entry);
        }
        if standing != self.held {
            let assets = standing.iter().cloned().collect();
            self.reporter.report(&Event::Held { assets });
        }
        self.held = standing;
        if let Some(screen) = &self.screen {
            let line = |(asset, message): &Standing| match asset {
                Some(asset) => format!("{asset}: {message}"),
                None => message.clone(),
            };
            screen.set_held(self.held.iter().map(line).collect());
        }
    }

    /// Tells what waits for a word.
    pub(super) fn waiting(&mut self, items: &[&Item]) {
        let offer = |item: &&Item| Offer {
            asset: item.id.clone(),
            provider: item.provider.clone(),
            model: item.model.clone(),
            count: item.count,
            high_micros: item.high_micros,
            unit: item.unit,
        };
        let offers: Vec<Offer> = items.iter().map(offer).collect();
        if offers != self.offers {
            self.reporter.report(&Event::Waiting { offers: offers.clone() });
        }
        self.offers = offers;
        if let Some(screen) = &self.screen {
            let total = (!items.is_empty()).then(|| spend::totals(items));
            screen.set_waiting(spend::table(items), total);
        }
    }

    /// Tells what is being bought: assets with a line each.
    pub(super) fn buying(&self, lines: Vec<(String, String)>) {
        if let Some(screen) = &self.screen {
            screen.set_buying(lines);
        }
    }

    /// Tells that a folder cannot be watched.
    pub(super) fn unwatched(&mut self, error: &notify::Error) {
        let help = "on Linux fs.inotify.max_user_watches says how many folders can be watched";
        let message = format!("a folder cannot be watched: {error}; {help}");
        if self.unwatched.replace(message.clone()).as_ref() != Some(&message) {
            self.reporter.report(&Event::Warning { asset: None, message });
        }
    }

    /// Tells that it waits.
    pub(super) fn ready(&mut self, context: &Context) {
        self.reporter.report(&Event::Idle);
        if !std::mem::replace(&mut self.is_ready, true) && self.screen.is_none() {
            context.mention("watching; Ctrl-C ends it");
        }
    }

    /// Shows a text until something happens.
    pub(super) fn pane(&self, text: impl FnOnce() -> String) {
        if let Some(screen) = &self.screen {
            screen.set_pane(Some(text()));
        }
    }

    /// Hides such a text; whether there was one.
    pub(super) fn hide_pane(&self) -> bool {
        self.screen.as_ref().is_some_and(|screen| screen.hide_pane())
    }

    /// Tells that it ends when what is on its way has come.
    pub(super) fn end(&self) {
        if let Some(screen) = &self.screen {
            screen.set_title("finishing what is being bought; Ctrl-C twice ends it".to_owned());
            screen.redraw();
        }
    }
}

/// Whether a file is one that editors keep beside what they edit.
fn is_aside(path: &str) -> bool {
    let name = path.rsplit('/').next().unwrap_or_default();
    name.ends_with('~') || (name.starts_with('.') && name.ends_with(".swp"))
}
