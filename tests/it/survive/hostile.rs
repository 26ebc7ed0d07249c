//! Files that are made to hurt: bombs, references to the outside, deep nesting.

use std::time::{Duration, Instant};

use crate::support::{Output, Project};

/// How long any refusal may take, with a debug build on a busy machine.
const SOON: Duration = Duration::from_secs(20);

#[test]
fn pictures_of_huge_size_are_refused() {
    let pictures: [(&str, Vec<u8>); 6] = [
        ("bomb.png", png(100_000, 100_000)),
        ("wide.png", png(0x7fff_ffff, 1)),
        ("bomb.gif", gif(65_535, 65_535)),
        ("bomb.webp", webp(16_383, 16_383)),
        ("bomb.bmp", bmp(60_000, 60_000)),
        ("bomb.tga", tga(65_535, 65_535)),
    ];
    for (name, bytes) in pictures {
        let output = build_file(name, &bytes);
        assert_eq!(output.code, 1, "{name}: {output:?}");
        assert!(output.stderr.contains("bomb") || output.stderr.contains("wide"), "{output:?}");
    }
}

#[test]
fn a_picture_that_unpacks_to_far_more_is_refused() {
    // 64 MiB of zeros in the data of a picture that is one pixel.
    let output = build_file("bomb.png", &png_with_data(1, 1, &vec![0; 64 << 20]));
    assert!([0, 1].contains(&output.code), "{output:?}");
    // A profile that unpacks to the same.
    let mut chunks = vec![(*b"iCCP", [&b"p\0\0"[..], &zlib(&vec![0; 64 << 20])].concat())];
    chunks.push((*b"zTXt", [&b"t\0\0"[..], &zlib(&vec![b'x'; 64 << 20])].concat()));
    let output = build_file("bomb.png", &png_with_chunks(4, 4, &zlib(&[0; 68]), &chunks));
    assert!([0, 1].contains(&output.code), "{output:?}");
}

#[test]
fn damaged_pictures_are_refused() {
    let whole = png(16, 16);
    for bytes in [&whole[..whole.len() / 2], &whole[..20], b"", b"\x89PNG\r\n\x1a\n", b"GIF89a"] {
        let output = build_file("half.png", bytes);
        assert_eq!(output.code, 1, "{} bytes: {output:?}", bytes.len());
        assert!(output.stderr.contains("half"), "{output:?}");
    }
}

#[test]
fn drawings_that_grow_without_end_are_refused_or_drawn_soon() {
    let uses = |depth: usize, width: usize| {
        let mut text = "<svg xmlns=\"http://www.w3.org/2000/svg\" \
                        xmlns:xlink=\"http://www.w3.org/1999/xlink\" viewBox=\"0 0 10 10\">\
                        <defs><g id=\"g0\"><rect width=\"1\" height=\"1\"/></g>"
            .to_owned();
        for level in 1..=depth {
            let links = format!("<use xlink:href=\"#g{}\"/>", level - 1).repeat(width);
            text += &format!("<g id=\"g{level}\">{links}</g>");
        }
        text + &format!("</defs><use xlink:href=\"#g{depth}\"/></svg>")
    };
    let nested = |depth: usize| {
        let (open, close) = ("<g>".repeat(depth), "</g>".repeat(depth));
        format!("<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 9 9\">{open}{close}</svg>")
    };
    let laughs: String = (1..10)
        .map(|level| format!("<!ENTITY l{level} \"{}\">", format!("&l{};", level - 1).repeat(10)))
        .collect();
    let huge = |size: &str| {
        format!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{size}\" height=\"{size}\">\
             <rect width=\"1\" height=\"1\"/></svg>"
        )
    };
    let filter = "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 9 9\"><filter id=\"f\" \
                  x=\"-1000000\" y=\"-1000000\" width=\"99999999\" height=\"99999999\">\
                  <feGaussianBlur stdDeviation=\"100000\"/></filter>\
                  <rect width=\"9\" height=\"9\" filter=\"url(#f)\"/></svg>";
    let pattern = "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 9 9\"><pattern id=\"p\" \
                   width=\"0.000001\" height=\"0.000001\" patternUnits=\"userSpaceOnUse\">\
                   <rect width=\"1\" height=\"1\"/></pattern>\
                   <rect width=\"9\" height=\"9\" fill=\"url(#p)\"/></svg>";
    let itself = "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 9 9\">\
                  <g id=\"a\"><use href=\"#b\"/></g><g id=\"b\"><use href=\"#a\"/></g></svg>";
    let drawings = [
        ("uses", uses(20, 10)),
        ("few uses", uses(60, 2)),
        ("nesting", nested(100_000)),
        (
            "entities",
            format!(
                "<!DOCTYPE svg [<!ENTITY l0 \"ha\">{laughs}]>\
                 <svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 9 9\"><text>&l9;</text></svg>"
            ),
        ),
        ("size", huge("100000")),
        ("huge size", huge("1e30")),
        ("no number", huge("nan")),
        ("filter", filter.to_owned()),
        ("pattern", pattern.to_owned()),
        ("itself", itself.to_owned()),
    ];
    for (name, drawing) in drawings {
        let (output, took) = build_svg(&drawing, "64x64");
        assert!([0, 1].contains(&output.code), "{name}: {output:?}");
        assert!(took < SOON, "{name} took {took:?}");
        assert!(!output.stderr.contains("panicked"), "{name}: {output:?}");
    }
}

#[test]
fn a_drawing_may_not_ask_for_a_huge_picture() {
    let drawing =
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 9 9\"><rect width=\"9\"/></svg>";
    for size in ["100000x100000", "99999999x1"] {
        let (output, _) = build_svg(drawing, size);
        assert!([1, 2].contains(&output.code), "{size}: {output:?}");
        assert!(output.stderr.contains("100000") || output.stderr.contains("99999999"));
    }
}

#[test]
fn nothing_outside_of_a_drawing_is_fetched() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a free port");
    listener.set_nonblocking(true).expect("possible");
    let address = listener.local_addr().expect("bound");
    let xlink = "xmlns:xlink=\"http://www.w3.org/1999/xlink\"";
    let bodies = [
        format!("<image href=\"http://{address}/a.png\" width=\"9\" height=\"9\"/>"),
        format!("<image {xlink} xlink:href=\"http://{address}/a.png\" width=\"9\" height=\"9\"/>"),
        format!("<style>@import url(http://{address}/a.css);</style>"),
        format!("<style>rect {{ fill: url(http://{address}/a.svg#p) }}</style>"),
        format!("<use href=\"http://{address}/a.svg#x\"/>"),
        "<image href=\"secret.png\" width=\"9\" height=\"9\"/>".to_owned(),
        "<image href=\"file:///etc/passwd\" width=\"9\" height=\"9\"/>".to_owned(),
        "<image href=\"../../secret.png\" width=\"9\" height=\"9\"/>".to_owned(),
    ];
    for body in bodies {
        let drawing = format!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 9 9\">{body}\
             <rect width=\"9\" height=\"9\"/></svg>"
        );
        let (output, _) = build_svg(&drawing, "16x16");
        assert_eq!(output.code, 1, "{body}: {output:?}");
    }
    let entity = format!(
        "<!DOCTYPE svg [<!ENTITY x SYSTEM \"http://{address}/x\">]>\
         <svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 9 9\"><text>&x;</text></svg>"
    );
    assert_eq!(build_svg(&entity, "16x16").0.code, 1);
    let refused = listener.accept().expect_err("nobody has called");
    assert_eq!(refused.kind(), std::io::ErrorKind::WouldBlock);
}

#[test]
fn specs_that_grow_without_end_are_refused_soon() {
    let mut aliases = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n".to_owned();
    for level in 1..12 {
        let links = vec![format!("*a{}", level - 1); 10].join(", ");
        aliases += &format!("a{level}: &a{level} [{links}]\n");
    }
    let merges: String = (0..40)
        .map(|level| match level {
            0 => "m0: &m0 { k: v }\n".to_owned(),
            _ => format!("m{level}: &m{level} {{ a{level}: *m{0}, b{level}: *m{0} }}\n", level - 1),
        })
        .collect();
    let matrix: String = (0..9)
        .map(|name| {
            format!(
                "p{name}: [{}], ",
                (0..30).map(|n| n.to_string()).collect::<Vec<_>>().join(", ")
            )
        })
        .collect();
    let parameters: String =
        (0..9).map(|name| format!("  - {{ name: p{name}, type: integer }}\n")).collect();
    let specs = [
        ("aliases", aliases),
        ("merges", merges),
        ("nesting", "[".repeat(200_000)),
        ("maps", "a: ".to_owned() + &"{ a: ".repeat(100_000)),
        ("itself", "a: &a [*a]\n".to_owned()),
        ("long", format!("id: {}\n", "x".repeat(40 << 20))),
        (
            "matrix",
            format!(
                "template: t\nparameters:\n{parameters}generation: {{ type: image, provider: \
                 placeholder, size: 8x8 }}\n---\nuse: t\nmatrix: {{ {matrix} }}\n"
            ),
        ),
    ];
    for (name, text) in specs {
        let project =
            Project::with(&[("Assetfile.yaml", "version: \"1.0\"\n"), ("specs/b.yaml", &text)]);
        let begin = Instant::now();
        let output = project.run(&["--plan"]);
        let errors: String = output.stderr.chars().take(2000).collect();
        assert_eq!(output.code, 2, "{name}: {errors}");
        assert!(begin.elapsed() < SOON, "{name} took {:?}", begin.elapsed());
        assert!(output.stderr.len() < 1 << 20, "{name}: {} bytes of talk", output.stderr.len());
    }
}

fn build_file(name: &str, bytes: &[u8]) -> Output {
    let extension = name.rsplit('.').next().expect("a name");
    let id = name.split('.').next().expect("a name");
    let spec = format!(
        "id: {id}\ngeneration: {{ type: image, provider: file, source: art/{id}.{extension} }}\n\
         post_processing: [{{ action: resize, dimensions: 4x4, fit: cover }}]\n\
         integration: {{ manifest_path: \"images/{id}.png\" }}\n"
    );
    let project =
        Project::with(&[("Assetfile.yaml", "version: \"1.0\"\n"), ("specs/a.yaml", &spec)]);
    project.write(&format!("art/{name}"), bytes);
    let begin = Instant::now();
    let output = limited(&project);
    assert!(begin.elapsed() < SOON, "{name} took {:?}", begin.elapsed());
    assert!(!output.stderr.contains("panicked"), "{name}: {output:?}");
    output
}

fn build_svg(drawing: &str, size: &str) -> (Output, Duration) {
    let spec = format!(
        "id: drawn\ngeneration: {{ type: image, provider: svg, source: art/drawn.svg, size: {size} }}\n"
    );
    let project =
        Project::with(&[("Assetfile.yaml", "version: \"1.0\"\n"), ("specs/a.yaml", &spec)]);
    project.write("art/drawn.svg", drawing);
    project.write("art/secret.png", png(4, 4));
    let begin = Instant::now();
    let output = limited(&project);
    (output, begin.elapsed())
}

/// Builds with at most 2 GiB of memory where the shell can limit that.
fn limited(project: &Project) -> Output {
    let plain = project.command(&[]);
    let mut command = std::process::Command::new("sh");
    command.arg("-c").arg("ulimit -v 2097152 2>/dev/null; exec \"$0\" -j 1");
    command.arg(plain.get_program()).current_dir(project.root());
    for (name, value) in plain.get_envs() {
        if let Some(value) = value {
            command.env(name, value);
        }
    }
    if cfg!(not(unix)) {
        return project.run(&[]);
    }
    let output = command.output().expect("a shell");
    Output {
        code: output.status.code().unwrap_or_else(|| panic!("{}: {output:?}", output.status)),
        stdout: String::from_utf8(output.stdout).expect("text"),
        stderr: String::from_utf8(output.stderr).expect("text"),
    }
}

fn png(width: u32, height: u32) -> Vec<u8> {
    let rows = usize::try_from(u64::from(height).min(64)).expect("few");
    let columns = usize::try_from(u64::from(width).min(64)).expect("few");
    png_with_data(width, height, &vec![0; rows * (1 + 4 * columns)])
}

fn png_with_data(width: u32, height: u32, data: &[u8]) -> Vec<u8> {
    png_with_chunks(width, height, &zlib(data), &[])
}

fn png_with_chunks(width: u32, height: u32, packed: &[u8], more: &[([u8; 4], Vec<u8>)]) -> Vec<u8> {
    let mut bytes = b"\x89PNG\r\n\x1a\n".to_vec();
    let mut chunk = |name: &[u8; 4], data: &[u8]| {
        bytes.extend(u32::try_from(data.len()).expect("short").to_be_bytes());
        let body = [&name[..], data].concat();
        bytes.extend(&body);
        bytes.extend(libdeflater::crc32(&body).to_be_bytes());
    };
    let [w, h] = [width.to_be_bytes(), height.to_be_bytes()];
    chunk(b"IHDR", &[&w[..], &h, &[8, 6, 0, 0, 0]].concat());
    for (name, data) in more {
        chunk(name, data);
    }
    chunk(b"IDAT", packed);
    chunk(b"IEND", b"");
    bytes
}

fn zlib(data: &[u8]) -> Vec<u8> {
    let level = libdeflater::CompressionLvl::new(9).expect("a level");
    let mut compressor = libdeflater::Compressor::new(level);
    let mut packed = vec![0; compressor.zlib_compress_bound(data.len())];
    let length = compressor.zlib_compress(data, &mut packed).expect("it fits");
    packed.truncate(length);
    packed
}

fn gif(width: u16, height: u16) -> Vec<u8> {
    let [w, h] = [width.to_le_bytes(), height.to_le_bytes()];
    let mut bytes = [&b"GIF89a"[..], &w, &h, &[0x80, 0, 0, 0, 0, 0, 255, 255, 255]].concat();
    bytes.extend([&b"\x2c\0\0\0\0"[..], &w, &h, &[0, 2, 2, 0x4c, 1, 0, 0x3b]].concat());
    bytes
}

/// A lossless WebP that only has a header.
fn webp(width: u32, height: u32) -> Vec<u8> {
    let bits = (width - 1) | (height - 1) << 14;
    let data = [&[0x2f][..], &bits.to_le_bytes(), &[0; 3]].concat();
    let size = u32::try_from(data.len()).expect("short");
    let inner = [&b"WEBPVP8L"[..], &size.to_le_bytes(), &data].concat();
    let size = u32::try_from(inner.len()).expect("short");
    [&b"RIFF"[..], &size.to_le_bytes(), &inner].concat()
}

fn bmp(width: i32, height: i32) -> Vec<u8> {
    let mut bytes = b"BM".to_vec();
    for number in [58_u32, 0, 54, 40] {
        bytes.extend(number.to_le_bytes());
    }
    bytes.extend(width.to_le_bytes());
    bytes.extend(height.to_le_bytes());
    bytes.extend([1, 0, 24, 0]);
    bytes.extend([0; 28]);
    bytes
}

fn tga(width: u16, height: u16) -> Vec<u8> {
    let mut bytes = vec![0, 0, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0];
    bytes.extend(width.to_le_bytes());
    bytes.extend(height.to_le_bytes());
    bytes.extend([32, 0, 0, 0, 0, 0]);
    bytes
}
