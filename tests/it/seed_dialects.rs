//! Specs as earlier tools wrote them build unchanged: three dialects, side by side.

use crate::support::Project;

/// A map with everything in its place; sizes unquoted, four variations.
const EXAMPLES: &str = r#"version: "1.0"
id: spark-white
metadata:
  created: 2025-11-01
  author: sparks
  category: particles
  tags: [effect]
generation:
  type: image
  provider: dalle-3
  fallback: stable-diffusion
prompt:
  base: >
    A white spark,
    round and soft
  style: |
    - Flat shapes
    - Crisp edges
  parameters:
    size: 1024x1024        # drawn large, made small below
    quality: high
    n_variations: 4
post_processing:
  - action: resize
    dimensions: 32x32
    method: lanczos
  - action: validate
    checks:
      - has_alpha
      - dimensions_match
      - file_size_reasonable
  - action: convert
    formats: [png, webp]
integration:
  manifest_key: sparkWhite
  manifest_path: images/particles/white.png
  manifest_type: image
  description: "White spark"
observability:
  track_cost: true
  track_quality: true
  log_level: info
"#;

/// Sizes quoted, `n`, `negative`, `details`, paths from the project's root.
const ORCHESTRATOR: &str = r#"version: "1.0"
id: cave-sky-01
metadata:
  category: backgrounds
  name: "Cave sky"
  gameContext: "side view, night levels"
generation: { type: image, provider: dalle-3, fallback: manual }
prompt:
  base: "A dark sky above a cave"
  style: "Painted, few colors"
  details: "Brightest in the middle"
  negative: "No people, no text"
  parameters: { size: "1792x1024", quality: "hd", style: "natural", n: 1 }
integration:
  manifest_key: caveSky01
  output_path: assets/images/backgrounds/cave_sky_01.png
  description: "Sky of the cave"
"#;

/// A template with a pattern for names, and decibels in words.
const TEMPLATE: &str = r#"version: "1.0"
template: door-sfx
parameters:
  - name: door_type
    type: enum
    values: [wood, iron]
  - name: variant
    type: string
    description: "How it is opened ('slow', 'fast')"
generation:
  type: audio
  provider: elevenlabs
  fallback: bark
prompt:
  base: |
    A {{door_type}} door, {{variant}}
  templates:
    wood: "planks that creak"
    iron: "heavy hinges"
post_processing:
  - action: normalize
    peak: -1.0 dB
  - action: trim_silence
    threshold: -40 dB
  - action: validate
    checks:
      - duration_range: [0.2, 0.9]
      - format: mp3
      - bitrate: 192k
integration:
  manifest_section: audio.sfx.door
  naming_pattern: "sfxDoor{{type_number}}{{variant_letter}}.mp3"
---
use: door-sfx
matrix: { door_type: [iron, wood], variant: [slow, fast] }
"#;

fn project() -> Project {
    Project::with(&[
        (
            "Assetfile.yaml",
            "version: \"1.0\"\nstyles: { base: style.md }\nuntil_bought: placeholder\n",
        ),
        ("style.md", "<!-- for all -->\nBold outlines.\n"),
        ("specs/examples/images/spark-white.yaml", EXAMPLES),
        ("specs/orchestrator/image/cave-sky.yaml", ORCHESTRATOR),
        ("specs/examples/templates/doors.yaml", TEMPLATE),
    ])
}

#[test]
fn all_dialects_are_planned_together() {
    let project = project();
    insta::assert_snapshot!(project.succeed(&["--plan"]).stdout, @r"
    ~ cave-sky-01  placeholder (the model `dall-e-3` is retired since 2026-05-12; name a stand-in: retired_models: { dall-e-3: gpt-image-2 })  → assets/images/backgrounds/cave_sky_01.png  caveSky01
        would buy 1 × gpt-image-2 in place of dall-e-3  $0.087–0.098, once it stands in
    ~ door-sfx-iron-fast  placeholder (ELEVENLABS_API_KEY is not set: put the key of `elevenlabs` there)  → assets/audio/sfx/door/sfxDoor2B.mp3  sfxDoor2B
        would buy 1 × eleven_text_to_sound_v2  100–200 credits
        fallback bark: nobody publishes a price of suno-ai/bark, so it buys only with --spend
    ~ door-sfx-iron-slow  placeholder (ELEVENLABS_API_KEY is not set: put the key of `elevenlabs` there)  → assets/audio/sfx/door/sfxDoor2A.mp3  sfxDoor2A
        would buy 1 × eleven_text_to_sound_v2  100–200 credits
        fallback bark: nobody publishes a price of suno-ai/bark, so it buys only with --spend
    ~ door-sfx-wood-fast  placeholder (ELEVENLABS_API_KEY is not set: put the key of `elevenlabs` there)  → assets/audio/sfx/door/sfxDoor1B.mp3  sfxDoor1B
        would buy 1 × eleven_text_to_sound_v2  100–200 credits
        fallback bark: nobody publishes a price of suno-ai/bark, so it buys only with --spend
    ~ door-sfx-wood-slow  placeholder (ELEVENLABS_API_KEY is not set: put the key of `elevenlabs` there)  → assets/audio/sfx/door/sfxDoor1A.mp3  sfxDoor1A
        would buy 1 × eleven_text_to_sound_v2  100–200 credits
        fallback bark: nobody publishes a price of suno-ai/bark, so it buys only with --spend
    ~ spark-white  placeholder (the model `dall-e-3` is retired since 2026-05-12; name a stand-in: retired_models: { dall-e-3: gpt-image-2 })  → assets/images/particles/white.png  sparkWhite
        would buy 4 × gpt-image-2 in place of dall-e-3  $0.20–0.26, once it stands in
      0 fresh.  6 to build: 9 generate, 1 select, 6 process, 6 validate, 6 integrate.  Nothing to buy.
    ");
}

#[test]
fn placeholders_have_the_sizes_and_places_of_the_specs() {
    let project = project();
    project.succeed(&["spark-white", "cave-sky-01"]);
    insta::assert_snapshot!(project.files("assets").join("\n"), @r"
    assets/images/backgrounds/cave_sky_01.png
    assets/images/particles/white.png
    assets/images/particles/white.webp
    assets/manifest.json
    ");
    insta::assert_snapshot!(project.read("assets/manifest.json"), @r#"
    {
      "assets": {
        "images": {
          "caveSky01": {
            "type": "image",
            "path": "images/backgrounds/cave_sky_01.png",
            "description": "Sky of the cave"
          },
          "sparkWhite": {
            "type": "image",
            "path": "images/particles/white.png",
            "description": "White spark"
          }
        }
      }
    }
    "#);
}

#[test]
fn prompts_are_put_together_from_all_their_parts() {
    let project = project();
    insta::assert_snapshot!(project.succeed(&["expand", "cave-sky-01"]).stdout, @r#"
    version: "1.0"                                    # specs/orchestrator/image/cave-sky.yaml:1
    id: cave-sky-01                                   # specs/orchestrator/image/cave-sky.yaml:2
    metadata:
      category: backgrounds                           # specs/orchestrator/image/cave-sky.yaml:4
      name: "Cave sky"                                # specs/orchestrator/image/cave-sky.yaml:5
      gameContext: "side view, night levels"          # specs/orchestrator/image/cave-sky.yaml:6
    generation:
      type: image                                     # specs/orchestrator/image/cave-sky.yaml:7
      provider: dalle-3                               # specs/orchestrator/image/cave-sky.yaml:7
      fallback: manual                                # specs/orchestrator/image/cave-sky.yaml:7
      variations: 1                                   # specs/orchestrator/image/cave-sky.yaml:13
    prompt:
      base: "A dark sky above a cave"                 # specs/orchestrator/image/cave-sky.yaml:9
      style: "Painted, few colors"                    # specs/orchestrator/image/cave-sky.yaml:10
      details: "Brightest in the middle"              # specs/orchestrator/image/cave-sky.yaml:11
      negative: "No people, no text"                  # specs/orchestrator/image/cave-sky.yaml:12
      parameters:
        size: "1792x1024"                             # specs/orchestrator/image/cave-sky.yaml:13
        quality: "hd"                                 # specs/orchestrator/image/cave-sky.yaml:13
        style: "natural"                              # specs/orchestrator/image/cave-sky.yaml:13
    integration:
      manifest_key: caveSky01                         # specs/orchestrator/image/cave-sky.yaml:15
      output_path: assets/images/backgrounds/cave_sky_01.png  # specs/orchestrator/image/cave-sky.yaml:16
      description: "Sky of the cave"                  # specs/orchestrator/image/cave-sky.yaml:17

    # prompt
    A dark sky above a cave

    Style: Painted, few colors

    Details: Brightest in the middle

    Avoid: No people, no text

    Game context: side view, night levels

    Bold outlines.

    # not sent: the model `dall-e-3` is retired since 2026-05-12; name a stand-in: retired_models: { dall-e-3: gpt-image-2 }
    # fallback manual: a person

    # files
    assets/images/backgrounds/cave_sky_01.png

    # manifest
    caveSky01 in images
    "#);
    insta::assert_snapshot!(project.succeed(&["expand", "door-sfx-iron-slow"]).stdout, @r#"
    id: door-sfx-iron-slow                            # specs/examples/templates/doors.yaml:34, derived
    version: "1.0"                                    # specs/examples/templates/doors.yaml:1, from the template
    generation:
      type: audio                                     # specs/examples/templates/doors.yaml:11, from the template
      provider: elevenlabs                            # specs/examples/templates/doors.yaml:12, from the template
      fallback: bark                                  # specs/examples/templates/doors.yaml:13, from the template
    prompt:
      base: "A iron door, slow"                       # specs/examples/templates/doors.yaml:16, from the template
      templates:
        wood: "planks that creak"                     # specs/examples/templates/doors.yaml:18, from the template
        iron: "heavy hinges"                          # specs/examples/templates/doors.yaml:19, from the template
    post_processing:
      - action: normalize                             # specs/examples/templates/doors.yaml:21, from the template
        peak: -1.0 dB                                 # specs/examples/templates/doors.yaml:22, from the template
      - action: trim_silence                          # specs/examples/templates/doors.yaml:23, from the template
        threshold: -40 dB                             # specs/examples/templates/doors.yaml:24, from the template
      - action: validate                              # specs/examples/templates/doors.yaml:25, from the template
        checks:
          - duration_range: [0.2, 0.9]                # specs/examples/templates/doors.yaml:27, from the template
          - format: mp3                               # specs/examples/templates/doors.yaml:28, from the template
          - bitrate: 192k                             # specs/examples/templates/doors.yaml:29, from the template
    integration:
      manifest_section: audio.sfx.door                # specs/examples/templates/doors.yaml:31, from the template
      naming_pattern: "sfxDoor2A.mp3"                 # specs/examples/templates/doors.yaml:32, from the template

    # prompt
    A iron door, slow

    heavy hinges

    # sent to elevenlabs eleven_text_to_sound_v2: by default loop false, output_format mp3_44100_128, prompt_influence 0.3
    # fallback bark suno-ai/bark: by default text_temp 0.7, waveform_temp 0.7

    # files
    assets/audio/sfx/door/sfxDoor2A.mp3

    # manifest
    sfxDoor2A in audio.sfx.door
    "#);
}

#[test]
fn a_stand_in_for_the_retired_model_is_named_once_for_all() {
    let project = project();
    let assetfile = project.read("Assetfile.yaml");
    project.write(
        "Assetfile.yaml",
        format!("{assetfile}retired_models: {{ dall-e-3: gpt-image-2 }}\n"),
    );
    let plan = project.succeed(&["--plan"]).stdout;
    assert!(!plan.contains("retired"), "{plan}");
}
