//! What a drawing may not contain: references to the outside, and markup that explodes.
//!
//! The renderer itself fetches nothing but linked pictures, and those go through our resolver; the
//! checks here turn what it would silently leave out into an error that names it.

use resvg::usvg::roxmltree::{Document, Node};

use crate::generate::svg::{MAX_BYTES, SvgError};

/// Deepest nesting of elements; drawing recurses, and threads have small stacks.
pub(super) const MAX_DEPTH: usize = 128;

/// Checks the entities that `text` declares: all inside, none made of others, and not more than
/// the byte limit when every reference is expanded to the longest.
pub(super) fn check_entities(text: &str) -> Result<(), SvgError> {
    let mut longest = 0;
    let mut rest = text;
    while let Some(at) = rest.find("<!ENTITY") {
        rest = &rest[at + "<!ENTITY".len()..];
        let declaration = &rest[..rest.find('>').unwrap_or(rest.len())];
        let Some(quote) = declaration.find(['"', '\'']) else { continue };
        let (head, quoted) = declaration.split_at(quote);
        let mut words = head.split_whitespace().filter(|word| *word != "%");
        let name = words.next().unwrap_or_default();
        // The value may hold `>`, so its end is looked for in the whole rest.
        let mark = &quoted[..1];
        let value = &rest[quote + 1..];
        let value = &value[..value.find(mark).unwrap_or(value.len())];
        if words.any(|word| word == "SYSTEM" || word == "PUBLIC") {
            return Err(SvgError::External {
                element: format!("!ENTITY {name}"),
                reference: value.to_owned(),
            });
        }
        if value.replace("&#", "").contains('&') {
            return Err(SvgError::NestedEntity(name.to_owned()));
        }
        longest = longest.max(value.len());
    }
    let references = if longest == 0 { 0 } else { text.matches('&').count() };
    let found = text.len().saturating_add(references.saturating_mul(longest));
    if found > MAX_BYTES {
        return Err(SvgError::TooLarge { found });
    }
    Ok(())
}

/// Checks that nothing in `document` refers to the outside, and that it is not nested too deeply.
pub(super) fn check_references(document: &Document<'_>) -> Result<(), SvgError> {
    let mut depth = 0;
    let mut node = document.root();
    // A walk without recursion: depth first, back up through the parents.
    loop {
        check_node(node)?;
        if let Some(child) = node.first_child() {
            depth += 1;
            if depth > MAX_DEPTH {
                return Err(SvgError::TooDeep);
            }
            node = child;
            continue;
        }
        while node.next_sibling().is_none() {
            match node.parent() {
                Some(parent) => node = parent,
                None => return Ok(()),
            }
            depth -= 1;
        }
        node = node.next_sibling().expect("the loop ended at one");
    }
}

fn check_node(node: Node<'_, '_>) -> Result<(), SvgError> {
    if let Some(instruction) = node.pi() {
        if instruction.target == "xml-stylesheet" {
            let reference = instruction.value.unwrap_or_default().to_owned();
            return Err(SvgError::External { element: "?xml-stylesheet".to_owned(), reference });
        }
        return Ok(());
    }
    if !node.is_element() {
        return Ok(());
    }
    let element = node.tag_name().name();
    let external = |reference: &str| {
        let reference = reference.chars().take(80).collect();
        Err(SvgError::External { element: element.to_owned(), reference })
    };
    for attribute in node.attributes() {
        let value = attribute.value().trim();
        if attribute.name() == "href" {
            // A link is for people; a picture inside is checked when it is decoded.
            let inside = value.is_empty() || value.starts_with('#') || element == "a";
            let picture = value.starts_with("data:") && matches!(element, "image" | "feImage");
            if !inside && !picture {
                return external(value);
            }
        } else if let Some(reference) = css_reference(value) {
            return external(reference);
        }
    }
    if element == "style" {
        for text in node.children().filter_map(|child| child.text()) {
            if let Some(at) = text.to_ascii_lowercase().find("@import") {
                return external(text[at..].lines().next().unwrap_or_default());
            }
            if let Some(reference) = css_reference(text) {
                return external(reference);
            }
        }
    }
    Ok(())
}

/// The first `url(…)` of a style that leads out of the drawing.
fn css_reference(style: &str) -> Option<&str> {
    let lower = style.to_ascii_lowercase();
    lower.match_indices("url(").find_map(|(at, _)| {
        let target = style[at + 4..].trim_start().trim_start_matches(['"', '\'']).trim_start();
        let end = target.find([')', '"', '\'']).unwrap_or(target.len());
        (!target.starts_with('#')).then(|| target[..end].trim_end())
    })
}
