//! Whether what a run assessed still holds: another run may have published while this one read
//! the files, or may have died while it published. Either looks like files edited by hand.

use crate::base::Digest;
use crate::cache::LocalCas;
use crate::integrate::commit::IntegrateGuard;
use crate::integrate::redo::{self, Uninterrupted};
use crate::pipeline::build::{BuildError, has_redo_record};
use crate::pipeline::prepare::Prepared;
use crate::pipeline::session::{Session, finished_file, lock_path};
use crate::plan::State;

/// Whether the project has to be assessed again before anything is done; completes a commit that
/// was cut off, and waits for one that another run is at.
///
/// The lock is read before the files and written after them. So if no commit is going on now and
/// the lock is as it was read, the files were seen as one commit left them.
///
/// # Errors
/// `BuildError` if a commit cannot be completed; its record stays.
pub fn is_overtaken(session: &Session, prepared: &Prepared) -> Result<bool, BuildError> {
    if has_redo_record(session) {
        complete(session, prepared)?;
        return Ok(true);
    }
    if prepared.was_conflicted || !prepared.plans.iter().any(|plan| plan.state == State::Drifted) {
        return Ok(false);
    }
    Ok(session.files().stat(&lock_path()).ok() != prepared.lock_stat)
}

fn complete(session: &Session, prepared: &Prepared) -> Result<(), BuildError> {
    let guard =
        IntegrateGuard::acquire(&session.cache().integrate_lock()).map_err(BuildError::Guard)?;
    let cas = LocalCas::new(session.cache());
    let raws = session.raws(&prepared.loaded.config.paid_dir);
    let blobs = |digest: &Digest| finished_file(&cas, &raws, digest);
    let record = session.cache().redo_record();
    redo::roll_forward(session.root(), &record, &blobs, &Uninterrupted, &guard)?;
    Ok(())
}
