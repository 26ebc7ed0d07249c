//! Bought sounds that share a gain: what replaces a rejected one, and what that does to the others.

use std::fs;

use super::bank::Bank;
use super::{project, spent};
use crate::sounds::{HALF, near, peak, wav};
use crate::support::Project;

/// A bought sound and one from a file, with one gain; the loudest comes to half of full scale.
fn jumps(generation: &str, first_step: &str, checks: &str) -> String {
    format!(
        r#"defaults:
  post_processing:
    {first_step}
    - {{ action: normalize, peak: -6 dB, group: jumps }}
    - {{ action: validate, checks: [{checks}] }}
  integration: {{ manifest_path: "{{{{id}}}}.wav" }}
specs:
  - id: pop
    generation: {{ provider: elevenlabs, duration_seconds: 0.5{generation} }}
    prompt: Pop
  - id: hop
    generation: {{ type: audio, provider: file, source: art/hop.wav }}
"#
    )
}

/// The file is much quieter than what is bought.
fn with_hop(bank: &Bank, specs: &str) -> Project {
    let project = project(bank, "", specs);
    // One after the other, so that a fault meets the variation that it is meant for.
    project.edit("Assetfile.yaml", "elevenlabs: {", "elevenlabs: { concurrency: 1,");
    project.write("art/hop.wav", wav(4_000, 100));
    project
}

/// The bought sound has the level of the group, and the other one is lower.
fn is_balanced(project: &Project) -> bool {
    near(peak(project, "assets/pop.wav"), HALF);
    peak(project, "assets/hop.wav") < HALF / 2
}

#[test]
fn a_rejected_sound_of_a_group_makes_room_for_one_that_is_paid_for() {
    let bank = Bank::open(&["--fault", "blank@1"]);
    let project = with_hop(&bank, &jumps(", variations: 3", "", "not_silent"));
    let built = project.succeed(&["--spend", "5"]);
    assert!(built.stderr.contains("instead of another one: rejected by"), "{}", built.stderr);
    assert!(is_balanced(&project));
    assert!(project.succeed(&["--spend", "5"]).stderr.contains("nothing to do"));
    assert_eq!(bank.bill().0, 3);
    // A clone has the lock and the published files.
    fs::remove_dir_all(project.path(".assetcache")).expect("it is there");
    project.succeed(&["--check"]);
}

#[test]
fn a_sound_with_nothing_in_it_is_replaced_like_a_rejected_one() {
    let trim = "- { action: trim_silence }";
    for group in ["", ", group: jumps"] {
        let bank = Bank::open(&["--fault", "blank@1", "--fault", "blank@2"]);
        let specs = jumps(", variations: 2, on_reject: { redraw: 1 }", trim, "no_clipping");
        let project = with_hop(&bank, &specs.replace(", group: jumps", group));
        let built = project.succeed(&["--spend", "5"]);
        assert!(built.stderr.contains("instead of another one: "), "{}", built.stderr);
        near(peak(&project, "assets/pop.wav"), HALF);
        assert_eq!((bank.bill().0, spent(&project)), (3, bank.bill().1));
        assert!(project.succeed(&["--spend", "5"]).stderr.contains("nothing to do"));
    }
}

#[test]
fn a_group_does_without_a_sound_whose_results_are_all_rejected() {
    let bank = Bank::open(&["--fault", "blank@1", "--fault", "blank@2"]);
    let specs = jumps(", variations: 2, on_reject: { redraw: 1 }", "", "not_silent, no_alpha");
    let specs =
        specs.replace("not_silent, no_alpha", "not_silent, { duration_range: [0.05, 0.2] }");
    let project = with_hop(&bank, &specs);
    let built = project.run(&["--spend", "5"]);
    assert_eq!(built.code, 1, "{}", project.shown(&built));
    let said = "another result was rejected as well; assetbuild reroll pop buys one more";
    assert!(built.stderr.contains(said), "{}", built.stderr);
    // The tone that was drawn last would have set the gain; without it the other one has.
    near(peak(&project, "assets/hop.wav"), HALF);
    let again = project.run(&["--spend", "5"]);
    assert_eq!((again.code, bank.bill().0), (1, 3), "{}", project.shown(&again));
    near(peak(&project, "assets/hop.wav"), HALF);
    // A looser check takes what is there, and the other one follows in the same build.
    project.edit("specs/a.yaml", "0.2]", "2.0]");
    project.succeed(&[]);
    assert!(is_balanced(&project));
    assert_eq!(bank.bill().0, 3);
    assert!(project.succeed(&[]).stderr.contains("nothing to do"));
}

#[test]
fn a_sound_that_is_bought_changes_its_group_in_the_same_build() {
    let bank = Bank::open(&[]);
    let project = with_hop(&bank, &jumps("", "", "not_silent"));
    project.succeed(&["hop"]);
    near(peak(&project, "assets/hop.wav"), HALF);
    project.succeed(&["--spend", "5"]);
    assert!(is_balanced(&project));
    assert!(project.succeed(&["--spend", "5"]).stderr.contains("nothing to do"));
    project.succeed(&["reroll", "pop", "--spend", "5"]);
    assert!(project.succeed(&["--spend", "5"]).stderr.contains("nothing to do"));
    assert_eq!(bank.bill().0, 2);
}

#[test]
fn a_pick_changes_the_group_of_its_sound() {
    let bank = Bank::open(&["--fault", "blank@1"]);
    let project = with_hop(&bank, &jumps(", variations: 2", "", "no_clipping"));
    project.succeed(&["--spend", "5"]);
    near(peak(&project, "assets/hop.wav"), HALF);
    project.succeed(&["pick", "pop", "1"]);
    assert!(is_balanced(&project));
    assert!(project.succeed(&["--spend", "5"]).stderr.contains("nothing to do"));
    assert_eq!(bank.bill().0, 2);
}

#[test]
fn what_is_wrong_by_itself_goes_before_what_it_spoils() {
    // The blank one leaves the gain to the quiet one alone, which is too loud by that.
    let bank = Bank::open(&["--fault", "blank@1"]);
    let specs = jumps(", variations: 2", "", "not_silent");
    let checked = "source: art/hop.wav }\n    post_processing:\n      \
        - { action: normalize, peak: -6 dB, group: jumps }\n      \
        - { action: validate, checks: [{ loudness: { target: -18, tolerance: 3 } }] }\n";
    let project = with_hop(&bank, &specs.replace("source: art/hop.wav }\n", checked));
    project.write("art/hop.wav", wav(4_000, 600));
    let built = project.succeed(&["--spend", "5"]);
    assert!(is_balanced(&project), "{}", built.stderr);
    assert!(built.stderr.contains("built 2 of 2"), "{}", built.stderr);
    assert_eq!(bank.bill().0, 2);
}
