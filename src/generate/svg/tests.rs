//! Drawings in, pixels or errors out.

use std::fmt::Write as _;

use super::*;
use crate::base::{Raw, RelPath};

const NS: &str = "xmlns=\"http://www.w3.org/2000/svg\" \
                  xmlns:xlink=\"http://www.w3.org/1999/xlink\"";

/// A picture of one red pixel.
const RED_PNG: &str =
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAIAAACQd1PeAAAADElEQVR4nGP4z8AAAAMBAQDJ/pLvAAAAAElFTkSuQmCC";

fn svg(attributes: &str, body: &str) -> String {
    format!("<svg {NS} {attributes}>{body}</svg>")
}

fn drawn(text: &str, size: Option<(u32, u32)>) -> Result<Image, SvgError> {
    draw(text.as_bytes(), size, &BTreeMap::new(), &FontSet::shipped())
}

fn refused(text: &str) -> String {
    let error = drawn(text, None).expect_err("a refused drawing");
    let source = std::error::Error::source(&error);
    source.map_or_else(|| error.to_string(), |source| format!("{error}: {source}"))
}

fn digest(image: Image) -> String {
    Raw::Image(image).digest().hex()[..16].to_owned()
}

fn pixel(image: &Image, x: u32, y: u32) -> [u8; 4] {
    let at = (y * image.width + x) as usize * 4;
    image.pixels[at..at + 4].try_into().expect("four channels")
}

const ART: &str = "<defs><linearGradient id='g'><stop stop-color='#fc0'/>\
    <stop offset='1' stop-color='#06c' stop-opacity='.3'/></linearGradient>\
    <filter id='b'><feGaussianBlur stdDeviation='1.5'/></filter></defs>\
    <circle cx='16' cy='16' r='12' fill='url(#g)'/>\
    <path d='M4 28 Q16 2 28 28' fill='none' stroke='#a03' stroke-width='2.5' filter='url(#b)'/>";

#[test]
fn drawings_are_golden() {
    let art = svg("width='32' height='32'", ART);
    let text = svg("width='96' height='24'", "<text x='4' y='18' font-size='18'>Coin Ä 12</text>");
    let digests = [
        digest(drawn(&art, None).expect("a drawing")),
        digest(drawn(&art, Some((80, 80))).expect("a drawing")),
        digest(drawn(&text, None).expect("a drawing")),
    ];
    insta::assert_snapshot!(digests.join(" "), @"028ff5c3f114697a f28d45bab1f6da92 3730a787ef878d56");
}

#[test]
fn threads_draw_the_same() {
    let art = svg("width='32' height='32'", ART);
    let alone = drawn(&art, Some((200, 200))).expect("a drawing");
    std::thread::scope(|scope| {
        let handles: Vec<_> = (0..8)
            .map(|_| scope.spawn(|| drawn(&art, Some((200, 200))).expect("a drawing")))
            .collect();
        for handle in handles {
            assert!(handle.join().expect("no panic") == alone);
        }
    });
}

#[test]
fn transparent_pixels_keep_straight_colour() {
    let body = "<rect width='2' height='2' fill='#ff8000' fill-opacity='0.5'/>";
    let image = drawn(&svg("width='4' height='2'", body), None).expect("a drawing");
    assert_eq!(pixel(&image, 0, 0), [255, 128, 0, 128]);
    assert_eq!(pixel(&image, 3, 1), [0, 0, 0, 0]);
}

#[test]
fn line_ends_change_nothing() {
    let unix = svg("width='60'\nheight='20'", "<text\ny='15'>a\nb</text>");
    let mac = unix.replace('\n', "\r");
    let windows = format!("\u{feff}{}", unix.replace('\n', "\r\n"));
    let image = drawn(&unix, None).expect("a drawing");
    assert!(drawn(&windows, None).expect("a drawing") == image);
    assert!(drawn(&mac, None).expect("a drawing") == image);
}

#[test]
fn variables_reach_the_drawing_escaped() {
    let text = svg("width='4' height='4'", "<rect width='4' height='4' fill='{{fill}}'/>");
    let vars = BTreeMap::from([("fill".to_owned(), "#00ff00".to_owned())]);
    let image = draw(text.as_bytes(), None, &vars, &FontSet::shipped()).expect("a drawing");
    assert_eq!(pixel(&image, 2, 2), [0, 255, 0, 255]);
    let inject = "red'/><image href='http://example.com/a.png";
    let vars = BTreeMap::from([("fill".to_owned(), inject.to_owned())]);
    let image = draw(text.as_bytes(), None, &vars, &FontSet::shipped()).expect("a drawing");
    assert_eq!((image.width, image.height), (4, 4));
}

#[test]
fn numbers_that_the_renderer_cannot_take_are_an_error() {
    let message =
        "the renderer gave up on it; numbers far outside of the drawing are a usual cause";
    let needle = include_str!("../../../fuzz/seeds/svg/far_numbers.svg");
    assert_eq!(refused(needle), message);
}

#[test]
fn the_size_is_the_one_asked_for_or_the_drawings_own() {
    let size = |text: &str, size| drawn(text, size).map(|image| (image.width, image.height));
    let square = svg("viewBox='0 0 24 24'", "");
    assert_eq!(size(&square, None).expect("a drawing"), (24, 24));
    assert_eq!(size(&square, Some((512, 512))).expect("a drawing"), (512, 512));
    for attributes in ["", "width='100%' height='9'", "height='9'"] {
        let none = svg(attributes, "<rect width='4' height='4'/>");
        let message = "it has no size; add a viewBox, or a width and a height in pixels, to <svg>";
        assert_eq!(refused(&none), message);
        assert!(drawn(&none, Some((8, 8))).is_err());
    }
    let odd = svg("width='0.2' height='7.5'", "");
    assert_eq!(size(&odd, None).expect("a drawing"), (1, 8));
    let wide = svg("width='1000' height='667'", "");
    assert_eq!(size(&wide, Some((500, 333))).expect("a drawing"), (500, 333));
}

#[test]
fn sizes_that_do_not_work_name_both() {
    let text = svg("width='20' height='10.5'", "");
    let message = |text: &str, size| drawn(text, size).expect_err("refused").to_string();
    assert_eq!(
        message(&text, Some((64, 64))),
        "the drawing is 20x10.5, which is another aspect ratio than the size 64x64"
    );
    assert_eq!(message(&text, Some((0, 64))), "it cannot be drawn at 0x64");
    let square = svg("width='10' height='10'", "");
    assert_eq!(message(&square, Some((16_000, 16_000))), "it cannot be drawn at 16000x16000");
    assert_eq!(message(&square, Some((16_385, 16_385))), "it cannot be drawn at 16385x16385");
    let huge = svg("width='1e9' height='1e9'", "");
    assert_eq!(message(&huge, None), "it cannot be drawn at 1000000000x1000000000");
    assert!(refused(&svg("width='0' height='10'", "")).starts_with("it is not a drawing"));
}

#[test]
fn text_uses_the_shipped_font_unless_the_project_has_one() {
    let word = |family: &str| {
        let body = format!("<text y='16' font-size='16' font-family='{family}'>Coin</text>");
        svg("width='50' height='20'", &body)
    };
    let shipped = drawn(&word("Karla"), None).expect("a drawing");
    assert!(shipped.pixels.chunks_exact(4).any(|pixel| pixel[3] > 200), "letters");
    for family in ["DejaVu Sans", "Arial, Helvetica, sans-serif", "monospace", ""] {
        assert!(drawn(&word(family), None).expect("a drawing") == shipped, "{family}");
    }
    let font = (RelPath::new("art/a.otf").expect("a plain path"), Arc::from(renamed_font()));
    let fonts = FontSet::new([font]).expect("a font");
    let draw = |family| draw(word(family).as_bytes(), None, &BTreeMap::new(), &fonts);
    assert!(draw("Arial").expect("a drawing") == shipped);
    assert!(draw("Carla").expect("a drawing") != shipped);
}

/// The shipped font under the name Carla, with letters of twice the size.
fn renamed_font() -> Vec<u8> {
    let mut font = include_bytes!("../fonts/Karla-Regular.otf").to_vec();
    for (from, to) in [(&b"Karla"[..], &b"Carla"[..]), (b"\0K\0a\0r\0l\0a", b"\0C\0a\0r\0l\0a")] {
        let places: Vec<_> = memchr::memmem::find_iter(&font, from).collect();
        for at in places {
            font[at..at + to.len()].copy_from_slice(to);
        }
    }
    // Half the units per em make every letter twice as large.
    let head = memchr::memmem::find(&font, b"head").expect("a font has a head table");
    let at = u32::from_be_bytes(font[head + 8..head + 12].try_into().expect("four bytes")) as usize;
    let units = u16::from_be_bytes([font[at + 18], font[at + 19]]) / 2;
    font[at + 18..at + 20].copy_from_slice(&units.to_be_bytes());
    font
}

#[test]
fn references_to_the_outside_are_errors_that_name_them() {
    let cases = [
        (
            "<image href='http://example.com/a.png'/>",
            "<image> refers to `http://example.com/a.png`",
        ),
        ("<image xlink:href='../secret.png' width='1' height='1'/>", "`../secret.png`"),
        ("<image href='/etc/passwd'/>", "`/etc/passwd`"),
        ("<use href='other.svg#a'/>", "<use> refers to `other.svg#a`"),
        ("<rect fill='url(other.svg#g)'/>", "<rect> refers to `other.svg#g`"),
        ("<rect style='fill: URL( \"http://a/b\" )'/>", "<rect> refers to `http://a/b`"),
        ("<style>@import 'a.css';</style>", "<style> refers to `@import 'a.css';`"),
        ("<style>@font-face { src: url(a.woff) }</style>", "<style> refers to `a.woff`"),
        ("<style><![CDATA[rect { fill: url('b.svg#c') }]]></style>", "`b.svg#c`"),
        ("<filter><feImage href='a.png'/></filter>", "<feImage> refers to `a.png`"),
        ("<?xml-stylesheet href='a.css'?>", "<?xml-stylesheet> refers to `href='a.css'`"),
    ];
    for (body, message) in cases {
        let error = refused(&svg("width='4' height='4'", body));
        assert!(error.contains(message), "{body}: {error}");
        assert!(error.ends_with("; nothing outside the drawing is read"), "{error}");
    }
    let inside = "<defs><rect id='a' width='1' height='1'/></defs><use href='#a'/>\
                  <a href='http://example.com'><rect fill='url( #g )'/></a>";
    assert!(drawn(&svg("width='4' height='4'", inside), None).is_ok());
}

#[test]
fn pictures_inside_are_drawn_and_checked() {
    let image = |data: &str| {
        svg("width='4' height='4'", &format!("<image width='4' height='4' href='data:{data}'/>"))
    };
    let red = drawn(&image(&format!("image/png;base64,{RED_PNG}")), None).expect("a picture");
    assert_eq!(pixel(&red, 2, 2), [255, 0, 0, 255]);
    // The bytes say what it is, whatever the label says.
    assert!(drawn(&image(&format!("image/jpeg;base64,{RED_PNG}")), None).is_ok());

    let cut = refused(&image(&format!("image/png;base64,{}", &RED_PNG[..60])));
    assert!(cut.starts_with("a picture inside the drawing cannot be used: "), "{cut}");
    let nested = refused(&image("image/svg+xml,%3Csvg xmlns=%22http://www.w3.org/2000/svg%22/%3E"));
    assert!(nested.ends_with("it is not a png, jpg, gif or webp"), "{nested}");
    // One pixel on a canvas of the largest size.
    let huge = refused(&image("image/gif;base64,R0lGODlh/////wAAACwAAAAAAQABAAACAkwBADs="));
    assert!(huge.contains("65535x65535"), "{huge}");
}

#[test]
fn entities_are_inside_and_bounded() {
    let with = |entities: &str, body: &str| {
        format!("<!DOCTYPE svg [{entities}]>{}", svg("width='4' height='4'", body))
    };
    let plain = with("<!ENTITY ink \"#ff0000\">", "<rect width='4' height='4' fill='&ink;'/>");
    assert_eq!(pixel(&drawn(&plain, None).expect("a drawing"), 1, 1), [255, 0, 0, 255]);
    let doctype = "<!DOCTYPE svg PUBLIC \"-//W3C//DTD SVG 1.1//EN\" \"http://www.w3.org/Graphics/SVG/1.1/DTD/svg11.dtd\">";
    assert!(drawn(&format!("{doctype}{}", svg("width='4' height='4'", "")), None).is_ok());

    let external = with("<!ENTITY x SYSTEM \"file:///etc/passwd\">", "<text>&x;</text>");
    assert_eq!(
        refused(&external),
        "<!ENTITY x> refers to `file:///etc/passwd`; nothing outside the drawing is read"
    );
    let mut laughs = "<!ENTITY a0 \"ha\">".to_owned();
    for n in 1..10 {
        let _ = write!(laughs, "<!ENTITY a{n} \"{}\">", format!("&a{};", n - 1).repeat(10));
    }
    let error = refused(&with(&laughs, "<text>&a9;</text>"));
    assert_eq!(error, "the entity `a1` refers to other entities");
    let long = format!("<!ENTITY a \"{}\">", "x".repeat(100_000));
    let error = refused(&with(&long, &format!("<text>{}</text>", "&a;".repeat(1000))));
    assert!(error.ends_with("bytes with its entities; at most 16777216 are read"), "{error}");
    assert!(refused(&" ".repeat(MAX_BYTES + 1)).starts_with("it has 16777217 bytes"));
}

#[test]
fn nesting_and_copies_are_bounded() {
    let deep = |depth: usize| {
        let body = format!("{}{}", "<g opacity='.9'>".repeat(depth), "</g>".repeat(depth));
        svg("width='4' height='4'", &body)
    };
    assert!(drawn(&deep(safety::MAX_DEPTH - 2), None).is_ok());
    assert_eq!(refused(&deep(100_000)), "its elements are nested more than 128 deep");

    let mut copies = "<g id='a0'><rect width='1' height='1'/></g>".to_owned();
    for n in 1..40 {
        let _ =
            write!(copies, "<g id='a{n}'>{}</g>", format!("<use href='#a{}'/>", n - 1).repeat(10));
    }
    let error = refused(&svg("width='4' height='4'", &copies));
    assert!(error.starts_with("it is not a drawing: "), "{error}");

    let mut chain = "<g id='a0'><rect width='4' height='4'/></g>".to_owned();
    for n in 1..2000 {
        let _ = write!(chain, "<g id='a{n}' opacity='.9'><use href='#a{}'/></g>", n - 1);
    }
    assert!(refused(&svg("width='4' height='4'", &chain)).starts_with("it is not a drawing"));
    let itself = "<g id='a'><use href='#b'/></g><g id='b'><use href='#a'/></g>";
    let error = refused(&svg("width='4' height='4'", itself));
    assert!(error.ends_with("nodes limit reached"), "{error}");
}

#[test]
fn layers_and_tiles_are_bounded() {
    let tile = |side: &str| {
        let body = format!(
            "<pattern id='p' patternUnits='userSpaceOnUse' width='{side}' height='{side}'>\
             <rect width='2' height='2'/></pattern><rect width='4' height='4' fill='url(#p)'/>"
        );
        svg("width='4' height='4'", &body)
    };
    assert!(drawn(&tile("2"), None).is_ok());
    let too_much = "its layers and patterns take more than 2 GiB at this size";
    assert_eq!(refused(&tile("100000")), too_much);
    let inner = "<g transform='scale(1000)'><rect width='4' height='4' fill='url(#p)'/></g>";
    assert_eq!(refused(&tile("900").replace("</svg>", &format!("{inner}</svg>"))), too_much);

    let nested = |depth: usize| {
        let rect = "<rect width='4' height='4'/>";
        let body = format!("{}{rect}{}", "<g opacity='.9'>".repeat(depth), "</g>".repeat(depth));
        svg("width='4' height='4'", &body)
    };
    assert!(drawn(&nested(100), None).is_ok());
    let error = drawn(&nested(100), Some((8192, 8192))).expect_err("100 large layers");
    assert_eq!(error.to_string(), too_much);

    let mut patterns =
        "<pattern id='p0' width='1' height='1'><path d='M0 0h1v1z'/></pattern>".to_owned();
    for n in 1..9 {
        let paths = format!("<path d='M0 0h1v1z' fill='url(#p{})'/>", n - 1).repeat(10);
        let _ = write!(patterns, "<pattern id='p{n}' width='1' height='1'>{paths}</pattern>");
    }
    let often = format!("{patterns}<rect width='1' height='1' fill='url(#p8)'/>");
    let error = refused(&svg("width='4' height='4'", &often));
    assert_eq!(error, "its patterns, masks and clips draw more than 1000000 groups");

    let masked = "<mask id='m'><rect width='4' height='4' fill='#fff'/></mask>\
                  <clipPath id='c'><rect width='3' height='3'/></clipPath>\
                  <rect width='4' height='4' mask='url(#m)' clip-path='url(#c)'/>";
    let image = drawn(&svg("width='4' height='4'", masked), None).expect("a drawing");
    assert_eq!((pixel(&image, 1, 1)[3], pixel(&image, 3, 3)[3]), (255, 0));
}

#[test]
fn what_is_no_drawing_is_an_error() {
    let cases = [
        ("", "it is not well-formed XML: "),
        ("<svg", "it is not well-formed XML: "),
        ("<html/>", "it is not a drawing: "),
        ("<!DOCTYPE svg [<!ENTITY a", "it is not well-formed XML: "),
    ];
    for (text, message) in cases {
        let error = refused(text);
        assert!(error.starts_with(message), "{text}: {error}");
    }
    let vars = BTreeMap::new();
    for bytes in [&b"\xff\xfe<"[..], b"\x1f\x8b\x08"] {
        let error = draw(bytes, None, &vars, &FontSet::shipped()).expect_err("not text");
        assert_eq!(error.to_string(), "it is not UTF-8 text");
    }
}

#[test]
fn damaged_drawings_never_panic() {
    let body = format!(
        "{ART}<text x='1' y='9'>ab</text><image width='4' height='4' href='data:image/png;base64,{RED_PNG}'/>"
    );
    let good = svg("width='32' height='32'", &body);
    let mut state = 7_u64;
    let mut random = |end: usize| {
        state =
            state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        ((state >> 33) % end as u64) as usize
    };
    let alphabet = b"<>/='\"&;# 09-.eMz{}";
    for _ in 0..300 {
        let mut bytes = good.clone().into_bytes();
        for _ in 0..=random(3) {
            let at = random(bytes.len());
            bytes[at] = alphabet[random(alphabet.len())];
        }
        // Whatever it is, it ends, and a picture has the pixels that it says.
        if let Ok(image) = draw(&bytes, Some((16, 16)), &BTreeMap::new(), &FontSet::shipped()) {
            assert_eq!(image.pixels.len(), 16 * 16 * 4);
        }
    }
    for end in (0..good.len()).step_by(7) {
        assert!(drawn(&good[..end], None).is_err());
    }
}
