//! What a build commits: blocks, manifest entries and files of what was built, and the purchases of
//! what was not.

use std::collections::{BTreeMap, BTreeSet};

use crate::base::{Digest, FileFacts, RelPath};
use crate::event::{Event, Summary};
use crate::execute::{Built as BuiltChain, Finished};
use crate::graph::AssetIndex;
use crate::graph::key::KEY_SCHEMA;
use crate::integrate::commit::{AssetCommit, CommitRequest, EntryCommit, IntegrateGuard, commit};
use crate::integrate::entry::{EntryFile, entry_value};
use crate::integrate::outcome::CommitReport;
use crate::integrate::publish;
use crate::integrate::redo::Uninterrupted;
use crate::lock::{self, Block, FieldDigests};
use crate::pipeline::build::{After, BuildError, lock_stat};
use crate::pipeline::building::Building;
use crate::pipeline::session::{LOCKFILE, finished_file};
use crate::plan::{Keys, Work};

impl Building<'_> {
    /// The block of what was built.
    fn block(&self, built: &BuiltChain) -> Block {
        let spec = self.spec(built.asset);
        let keys = self.keys(built.asset);
        let (wanted, definition) = (keys.wanted.key, keys.definition.key);
        let mut block = Block::new(&spec.id, KEY_SCHEMA, wanted, definition);
        block.fields = field_digests(keys);
        block.outputs = built.outputs.clone();
        block.provisional = self.plan(built.asset).work == Work::Placeholder;
        block.tools.clone_from(&built.tools);
        if let Some(old) = self.old_block(built.asset) {
            if block.tools.is_empty() && old.raw == Some(built.raw) {
                block.tools = old.tools;
            }
            block.purchases = old.purchases;
            block.pick = old.pick;
            if old.raw == Some(built.raw) {
                // The same purchase is good for what it was declared good for.
                block.kept = old.kept;
            }
        }
        let known: BTreeSet<_> = block.purchases.iter().map(|own| own.id.clone()).collect();
        let new = built.purchases.iter().filter(|purchase| !known.contains(&purchase.id));
        block.purchases.extend(new.cloned());
        if !spec.generate.is_free() && !block.provisional {
            block.raw = Some(built.raw);
            if self.reroll(built.asset) > 0 {
                // Whoever asks for another result wants that one, until they pick again.
                block.pick = Some(built.raw);
            }
        }
        block
    }

    fn unpublished(&self, asset: AssetIndex, purchases: &[lock::Purchase]) -> Block {
        // After a rename the old block is the one that is there.
        let id = self.plan(asset).block_id.as_ref().unwrap_or(&self.spec(asset).id);
        let purchases = purchases.to_vec();
        Block { purchases, ..unpublished(id, self.keys(asset)) }
    }

    fn entry(&self, asset: AssetIndex, block: &Block, facts: &[Option<(u32, u32)>]) -> EntryCommit {
        let spec = self.spec(asset);
        let mut files = spec.publish.files.clone();
        if let Some(adopted) = self.old_block(asset).filter(|block| block.adopted) {
            // Adopted files stay where they are, whatever the spec says.
            for (file, (path, _)) in files.iter_mut().zip(&adopted.outputs) {
                file.path.clone_from(path);
            }
        }
        let files: Vec<EntryFile<'_>> = files
            .iter()
            .enumerate()
            .map(|(index, file)| EntryFile {
                file,
                dimensions: facts.get(index).copied().flatten(),
            })
            .collect();
        let assets_dir = &self.prepared.loaded.config.assets_dir;
        // A program of the project is no provider that an entry would have to name.
        let receipt = block
            .purchases
            .iter()
            .find(|purchase| Some(purchase.raw) == block.raw && purchase.provider != "command");
        let entry = &spec.publish.entry;
        EntryCommit {
            section: entry.section.clone(),
            key: entry.key.clone(),
            value: entry_value(entry, &files, assets_dir, receipt),
        }
    }

    pub(super) fn refuse_changes(&self, built: &[BuiltChain]) -> Result<(), BuildError> {
        let changes = |built: &&BuiltChain| {
            let new = self.block(built);
            let old = self.old_block(built.asset).map(|old| Block { entry: None, ..old });
            old != Some(new)
        };
        let ids: Vec<String> =
            built.iter().filter(changes).map(|b| self.spec(b.asset).id.clone()).collect();
        if ids.is_empty() { Ok(()) } else { Err(BuildError::Locked(ids)) }
    }

    pub(super) fn publish(
        &self,
        Finished { built, bought, is_closed: _ }: &Finished,
        summary: &mut Summary,
    ) -> Result<(CommitReport, After), BuildError> {
        let mut assets: Vec<AssetCommit> = built
            .iter()
            .map(|built| {
                let facts: Vec<_> = built.facts.files.iter().map(FileFacts::dimensions).collect();
                let block = self.block(built);
                self.asset_commit(built.asset, block, &facts)
            })
            .collect();
        let adopted = self.adopted_work();
        assets.extend(adopted.filter_map(|asset| {
            let block = self.old_block(asset)?;
            let block = Block { id: self.spec(asset).id.clone(), ..block };
            Some(self.asset_commit(asset, block, &[]))
        }));
        let unpublished: Vec<Block> =
            bought.iter().map(|(asset, bought)| self.unpublished(*asset, bought)).collect();
        let config = &self.prepared.loaded.config;
        let lock = RelPath::new(LOCKFILE).expect("a literal path inside the project");
        let guard = IntegrateGuard::acquire(&self.session.cache().integrate_lock())
            .map_err(BuildError::Guard)?;
        let is_undisturbed = lock_stat(self.session) == self.prepared.lock_stat;
        if self.prepared.was_conflicted {
            let text = self.prepared.lock.text();
            publish::write_file(self.session.root(), &lock, text.as_bytes())?;
        }
        let blobs = |digest: &Digest| finished_file(&self.cas, &self.raws, digest);
        let was_conflicted = self.prepared.was_conflicted;
        let is_current = || was_conflicted || lock_stat(self.session) == self.prepared.lock_stat;
        let none = BTreeSet::new();
        let orphans = self.prepared.orphans.as_ref().map_or(&none, |orphans| &orphans.ids);
        let mut report = commit(
            &CommitRequest {
                root: self.session.root(),
                lock: &lock,
                manifest: &config.manifest,
                assets_dir: &config.assets_dir,
                record: &self.session.cache().redo_record(),
                assets: &assets,
                unpublished: &unpublished,
                prune: &[],
                orphans,
                blobs: &blobs,
                overwrite_drifted: self.request.policy.overwrite_drifted,
                current: is_undisturbed
                    .then_some(self.prepared.known_lock())
                    .filter(|_| !was_conflicted),
                lock_copy: self.begun.lock_copy.as_ref(),
                is_current: &is_current,
                manifest_unchanged: self.prepared.manifest_unchanged,
                manifest_known: self.prepared.manifest,
                checkpoint: &Uninterrupted,
            },
            &guard,
        )?;
        for (asset, path, size) in &report.published {
            let (asset, path) = (asset.clone(), path.to_string());
            self.reporter.report(&Event::Published { asset, path, size: *size });
        }
        if report.entries > 0 {
            self.reporter.report(&Event::ManifestUpdated { entries: report.entries });
        }
        summary.published = report.published.len();
        let is_undisturbed = is_undisturbed && !report.is_disturbed;
        let lock_stat = is_undisturbed.then(|| lock_stat(self.session));
        let (lock, manifest) = (report.lock.take(), report.manifest);
        let has_bought =
            !bought.is_empty() || built.iter().any(|built| !built.purchases.is_empty());
        Ok((report, After { lock_stat, lock, manifest, has_bought }))
    }

    fn asset_commit(
        &self,
        asset: AssetIndex,
        block: Block,
        facts: &[Option<(u32, u32)>],
    ) -> AssetCommit {
        let old = self.plan(asset).block_id.clone();
        let renamed_from = old.filter(|id| *id != block.id);
        let entry = Some(self.entry(asset, &block, facts));
        let picked_before = self.old_block(asset).and_then(|block| block.pick);
        AssetCommit { block, entry, picked_before, renamed_from }
    }

    /// Published files of the assets that are as their specs want them, by id.
    pub(super) fn committed(
        &self,
        built: &[BuiltChain],
        report: &CommitReport,
    ) -> BTreeMap<String, Vec<(RelPath, Digest)>> {
        let touched: BTreeSet<&str> =
            report.problems.iter().map(|problem| problem.asset.as_str()).collect();
        built
            .iter()
            .filter(|chain| self.plan(chain.asset).work == Work::Chain)
            .map(|chain| (self.spec(chain.asset).id.clone(), chain.outputs.clone()))
            .filter(|(id, _)| !touched.contains(id.as_str()))
            .collect()
    }
}

/// What the lock is told of an asset that something was bought for and nothing published: a result
/// that a person has yet to pick, or one that was rejected.
pub(super) fn unpublished(id: &str, keys: &Keys) -> Block {
    let mut block = Block::new(id, KEY_SCHEMA, keys.wanted.key, keys.definition.key);
    block.fields = field_digests(keys);
    block
}

fn field_digests(keys: &Keys) -> FieldDigests {
    let fields = keys.wanted.fields.fields.iter().chain(&keys.definition.fields.fields);
    FieldDigests::of(fields.map(|(path, value)| (&**path, &**value)))
}
