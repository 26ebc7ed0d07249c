//! A project of N spec files, each a chain of four actions whose work is trivial.

use std::fs;
use std::path::{Path, PathBuf};

pub(crate) fn spec_path(dir: &Path, index: usize) -> PathBuf {
    dir.join(format!("specs/{:03}/spec-{index:06}.yaml", index / 500))
}

/// A spec of about 560 bytes; `version` changes its look and so its result.
pub(crate) fn spec(index: usize, version: usize) -> String {
    let shade = (index * 7919 + version * 104_729) % 0x100_0000;
    format!(
        "version: \"1.0\"\nid: sprite-{index:06}\nmetadata:\n  category: particles\n  tags: [effect, bench, visual-feedback]\n  \
         name: \"Benchmark sprite number {index}\"\ngeneration:\n  type: image\n  provider: svg\n  source: art/dot.svg\n  \
         size: 2x2\n  vars: {{ fill: \"#{shade:06x}\" }}\npost_processing:\n  - action: resize\n    dimensions: 1x1\n    method: nearest\n  \
         - action: validate\n    checks:\n      - dimensions_match\n      - file_size_reasonable\nintegration:\n  \
         manifest_key: sprite{index}\n  manifest_path: images/{:03}/sprite_{index:06}.png\n  description: \"Sprite {index} of the benchmark\"\n\
         observability:\n  track_cost: true\n  log_level: info\n",
        index / 500
    )
}

pub(crate) fn write_assetbuild_project(dir: &Path, size: usize) {
    fs::create_dir_all(dir.join("art")).expect("a folder can be made");
    fs::write(dir.join("Assetfile.yaml"), "version: \"1.0\"\n").expect("a file can be written");
    let dot = "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"2\" height=\"2\" viewBox=\"0 0 2 2\"><rect width=\"2\" height=\"2\" fill=\"{{fill}}\"/></svg>\n";
    fs::write(dir.join("art/dot.svg"), dot).expect("a file can be written");
    for index in 0..size {
        let path = spec_path(dir, index);
        if index % 500 == 0 {
            fs::create_dir_all(path.parent().expect("specs have a folder"))
                .expect("a folder can be made");
        }
        fs::write(path, spec(index, 0)).expect("a spec can be written");
    }
}
