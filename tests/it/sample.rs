//! A small project that many tests begin with: two drawings, resized and published.

use crate::support::Project;

pub(crate) const ASSETFILE: &str = "version: \"1.0\"\n";

pub(crate) const COIN: &str = r##"<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 32 32">
  <circle cx="16" cy="16" r="14" fill="#ffcc00"/>
</svg>
"##;

pub(crate) const GEM: &str = r##"<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 32 32">
  <path d="M16 2 L30 16 L16 30 L2 16 Z" fill="#3399ff"/>
</svg>
"##;

pub(crate) const ITEMS: &str = r#"defaults:
  generation: { type: image, provider: svg, size: 32x32 }
  post_processing:
    - { action: resize, dimensions: 16x16 }
    - { action: validate, checks: [has_alpha] }
  integration: { manifest_path: "images/{{id}}.png", manifest_key: "gen{{id|pascal}}" }
specs:
  - { id: coin, generation: { source: art/coin.svg } }
  - { id: gem, generation: { source: art/gem.svg } }
"#;

/// A picture that has to be bought.
pub(crate) const PAID: &str = r#"id: hero
generation: { type: image, provider: openai, model: gpt-image-2 }
prompt: { base: "a brave fox", parameters: { size: 1024x1024 } }
post_processing: [{ action: resize, dimensions: 64x64 }]
"#;

/// A PNG file of `side` by `side` pixels of one colour.
pub(crate) fn picture(side: u32, pixel: [u8; 4]) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut encoder = png::Encoder::new(&mut bytes, side, side);
    encoder.set_color(png::ColorType::Rgba);
    let mut writer = encoder.write_header().expect("memory");
    writer.write_image_data(&pixel.repeat((side * side) as usize)).expect("memory");
    drop(writer);
    bytes
}

/// A tenth of a second of a tone.
pub(crate) fn tone() -> Vec<u8> {
    let spec = hound::WavSpec {
        channels: 1,
        sample_rate: 8000,
        bits_per_sample: 16,
        sample_format: hound::SampleFormat::Int,
    };
    let mut bytes = std::io::Cursor::new(Vec::new());
    let mut writer = hound::WavWriter::new(&mut bytes, spec).expect("memory");
    for frame in 0..800_i16 {
        writer.write_sample((frame % 20) * 1000).expect("memory");
    }
    writer.finalize().expect("memory");
    bytes.into_inner()
}

/// `coin` and `gem` of one spec file, not built.
pub(crate) fn items() -> Project {
    Project::with(&[
        ("Assetfile.yaml", ASSETFILE),
        ("art/coin.svg", COIN),
        ("art/gem.svg", GEM),
        ("specs/items.yaml", ITEMS),
    ])
}

/// `coin` and `gem`, built.
pub(crate) fn built_items() -> Project {
    let project = items();
    project.succeed(&[]);
    project
}
