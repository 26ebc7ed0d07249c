//! Specs are moved to another model: their text, and nothing else.

use super::bank::Bank;
use super::project;

const OLD: &str = "\
# Coins and gems.
- id: coin
  generation: { type: image, provider: dalle-3 } # the seller of old
  prompt: { base: A coin, parameters: { size: 1024x1024, quality: hd, style: vivid } }
- id: gem
  generation:
    type: image
    provider: openai
    model: dall-e-3 # by name
  prompt:
    base: A gem
    parameters:
      size: 1024x1024
      style: natural # soft
      quality: standard
- id: hill
  generation: { type: image, provider: openai, model: gpt-image-2.5-flare }
  prompt: { base: A hill, parameters: { size: 1024x1024, quality: low } }
";

const NEW: &str = "\
# Coins and gems.
- id: coin
  generation: { type: image, provider: openai, model: gpt-image-2 } # the seller of old
  prompt: { base: A coin, parameters: { size: 1024x1024, quality: high } }
- id: gem
  generation:
    type: image
    provider: openai
    model: gpt-image-2 # by name
  prompt:
    base: A gem
    parameters:
      size: 1024x1024
      quality: medium
- id: hill
  generation: { type: image, provider: openai, model: gpt-image-2.5-flare }
  prompt: { base: A hill, parameters: { size: 1024x1024, quality: low } }
";

#[test]
fn what_has_ended_is_moved_with_its_parameters_after_a_look() {
    let bank = Bank::open(&[]);
    let project = project(&bank, "", OLD);
    let shown = project.succeed(&["migrate", "--to", "gpt-image-2"]);
    assert!(shown.stdout.contains("+     model: gpt-image-2 # by name"), "{}", shown.stdout);
    assert!(shown.stdout.contains("2 for at most $0.60"), "{}", shown.stdout);
    assert!(shown.stderr.contains("nothing was changed"), "{}", shown.stderr);
    assert_eq!(project.read("specs/a.yaml"), OLD);

    project.succeed(&["migrate", "--to", "gpt-image-2", "--yes"]);
    assert_eq!(project.read("specs/a.yaml"), NEW);
    assert!(project.succeed(&["--plan"]).stdout.contains("+ coin  buy 1 × gpt-image-2"));
    assert_eq!(bank.bill().0, 0);
    let again = project.succeed(&["migrate", "--to", "gpt-image-2"]);
    assert!(again.stderr.contains("no asset moves"), "{}", again.stderr);
    // What is named moves although its model is sold.
    project.succeed(&["migrate", "hill", "--to", "gpt-image-2", "--yes"]);
    assert!(!project.read("specs/a.yaml").contains("flare"));
}

#[test]
fn a_model_that_nobody_sells_is_no_place_to_move_to() {
    let bank = Bank::open(&[]);
    let project = project(&bank, "", OLD);
    for (model, words) in [("gpt-image-22", "did you mean"), ("dall-e-2", "is retired itself")] {
        let output = project.run(&["migrate", "--to", model]);
        assert_eq!(output.code, 2, "{}", project.shown(&output));
        assert!(output.stderr.contains(words), "{}", output.stderr);
    }
}

#[test]
fn what_a_template_makes_is_left_to_the_person() {
    let bank = Bank::open(&[]);
    let specs = "template: icon\nparameters: [{ name: model }]\nid: \"icon-{{model}}\"\n\
        generation: { type: image, provider: openai, model: \"{{model}}\" }\nprompt: An icon\n\
        ---\nuse: icon\nwith: { model: dall-e-3 }\n";
    let project = project(&bank, "", specs);
    let output = project.run(&["migrate", "--to", "gpt-image-2", "--yes"]);
    assert_eq!(output.code, 1, "{}", project.shown(&output));
    assert!(output.stderr.contains("edit it by hand"), "{}", output.stderr);
    assert_eq!(project.read("specs/a.yaml"), specs);
}

#[test]
fn some_are_tried_first_and_not_bought_again() {
    let bank = Bank::open(&[]);
    let project = project(&bank, "", OLD);
    let unasked = project.run(&["migrate", "--to", "gpt-image-2", "--try", "1"]);
    assert_eq!(unasked.code, 4, "{}", project.shown(&unasked));
    assert_eq!(bank.bill().0, 0);

    let tried = project.succeed(&["migrate", "--to", "gpt-image-2", "--try", "1", "--spend", "1"]);
    assert!(
        tried.stdout.contains("coin  1 × gpt-image-2 in place of dall-e-3"),
        "{}",
        tried.stdout
    );
    assert!(tried.stdout.contains("1 for at most $0.30"), "{}", tried.stdout);
    assert!(
        tried.stderr.contains("coin: 1 results in .assetcache/review/coin"),
        "{}",
        tried.stderr
    );
    assert!(tried.stderr.contains("no spec was changed"), "{}", tried.stderr);
    assert_eq!(bank.bill().0, 1);
    assert_eq!(project.read("specs/a.yaml"), OLD);
    assert!(!project.has("assets/coin.png"));
    assert!(
        project.has(".assetcache/review/coin/0.png"),
        "{:?}",
        project.files(".assetcache/review")
    );

    // Again: it is there.
    project.succeed(&["migrate", "--to", "gpt-image-2", "--try", "1", "--spend", "1"]);
    assert_eq!(bank.bill().0, 1);
    project.succeed(&["migrate", "--to", "gpt-image-2", "--yes"]);
    let plan = project.succeed(&["--plan"]).stdout;
    assert!(plan.contains("+ gem  buy 1 × gpt-image-2"), "{plan}");
    assert!(!plan.contains("coin  buy"), "{plan}");
    project.succeed(&["coin", "gem", "--spend", "1"]);
    assert_eq!(bank.bill().0, 2);
    assert!(project.has("assets/coin.png") && project.has("assets/gem.png"));
}

#[test]
fn a_trial_leaves_what_is_published() {
    let bank = Bank::open(&[]);
    let sold = "- id: coin\n  generation: { type: image, provider: openai, model: gpt-image-2.5-flare }\n  \
        prompt: { base: A coin, parameters: { size: 64x64, quality: low } }\n";
    let project = project(&bank, "", sold);
    project.succeed(&["--spend", "1"]);
    let before = project.read_bytes("assets/coin.png");
    let to = ["migrate", "coin", "--to", "gpt-image-2", "--try", "3", "--spend", "1"];
    project.succeed(&to);
    assert_eq!(bank.bill().0, 2);
    assert_eq!(project.read_bytes("assets/coin.png"), before);
    project.succeed(&["--check"]);
    assert!(project.succeed(&["--no-spend"]).stderr.contains("nothing to do"));
    project.succeed(&["migrate", "coin", "--to", "gpt-image-2", "--yes"]);
    project.succeed(&["--no-spend"]);
    assert_ne!(project.read_bytes("assets/coin.png"), before);
    assert_eq!(bank.bill().0, 2);
}
