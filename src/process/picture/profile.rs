//! Colour profiles: pixels that a file describes by an ICC profile become sRGB.

use std::sync::Arc;

use image::{DynamicImage, GrayAlphaImage, ImageBuffer, LumaA, Rgba, RgbaImage};
use moxcms::{CmsError, ColorProfile, DataColorSpace, Layout, TransformExecutor, TransformOptions};

/// Colours that are tried along each axis to see whether a profile changes anything.
const PROBES: usize = 9;

/// Largest change of a channel that still counts as none: two roundings.
const ROUNDING: u8 = 1;

/// The pixels as RGBA8 in sRGB.
///
/// `profile`: the ICC profile that came with them, if any. One that is damaged, or that speaks of
/// another kind of pixels (that of a CMYK file, whose decoder gives RGB), is left aside as viewers
/// do. The pixels of a profile that means sRGB stay as they are. 16-bit samples are converted
/// before they are rounded.
pub(super) fn into_srgb(picture: DynamicImage, profile: Option<&[u8]>) -> RgbaImage {
    let profile = profile.and_then(|bytes| ColorProfile::new_from_slice(bytes).ok());
    let converted = profile.and_then(|profile| match profile.color_space {
        DataColorSpace::Rgb => convert_rgb(&picture, &profile),
        DataColorSpace::Gray => convert_gray(&picture, &profile),
        _ => None,
    });
    converted.unwrap_or_else(|| picture.into_rgba8())
}

fn convert_rgb(picture: &DynamicImage, profile: &ColorProfile) -> Option<RgbaImage> {
    let eight = to_srgb_8(profile, Layout::Rgba).ok()?;
    if is_nearly_srgb(&*eight) {
        return None;
    }
    if !is_deep(picture) {
        let pixels = picture.to_rgba8();
        let (size, row) = (pixels.dimensions(), pixels.width() as usize * 4);
        return transformed(&*eight, &pixels, size, row);
    }
    let sixteen = profile.create_transform_16bit(Layout::Rgba, &srgb(), Layout::Rgba, options());
    let pixels = picture.to_rgba16();
    let (size, row) = (pixels.dimensions(), pixels.width() as usize * 4);
    transformed_deep(&*sixteen.ok()?, &pixels, size, row)
}

fn convert_gray(picture: &DynamicImage, profile: &ColorProfile) -> Option<RgbaImage> {
    if picture.color().has_color() {
        return None;
    }
    if !is_deep(picture) {
        let eight = to_srgb_8(profile, Layout::GrayAlpha).ok()?;
        let pixels: GrayAlphaImage = picture.to_luma_alpha8();
        let (size, row) = (pixels.dimensions(), pixels.width() as usize * 2);
        return transformed(&*eight, &pixels, size, row);
    }
    let sixteen =
        profile.create_transform_16bit(Layout::GrayAlpha, &srgb(), Layout::Rgba, options());
    let pixels: ImageBuffer<LumaA<u16>, Vec<u16>> = picture.to_luma_alpha16();
    let (size, row) = (pixels.dimensions(), pixels.width() as usize * 2);
    transformed_deep(&*sixteen.ok()?, &pixels, size, row)
}

fn srgb() -> ColorProfile {
    ColorProfile::new_srgb()
}

fn options() -> TransformOptions {
    TransformOptions::default()
}

fn to_srgb_8(
    profile: &ColorProfile,
    layout: Layout,
) -> Result<Arc<dyn TransformExecutor<u8> + Send + Sync>, CmsError> {
    profile.create_transform_8bit(layout, &srgb(), Layout::Rgba, options())
}

fn is_deep(picture: &DynamicImage) -> bool {
    let color = picture.color();
    color.bytes_per_pixel() > color.channel_count()
}

/// Whether a transform to sRGB gives back what it gets, by a grid of colours.
fn is_nearly_srgb(transform: &dyn TransformExecutor<u8>) -> bool {
    let values = || (0..PROBES).map(|step| (step * 255 / (PROBES - 1)) as u8);
    let probes: Vec<u8> = values()
        .flat_map(|r| values().flat_map(move |g| values().flat_map(move |b| [r, g, b, 255])))
        .collect();
    let mut found = vec![0; probes.len()];
    transform.transform(&probes, &mut found).is_ok()
        && found.iter().zip(&probes).all(|(a, b)| a.abs_diff(*b) <= ROUNDING)
}

/// `pixels` in rows of `row` samples, as RGBA.
fn transformed(
    transform: &dyn TransformExecutor<u8>,
    pixels: &[u8],
    size: (u32, u32),
    row: usize,
) -> Option<RgbaImage> {
    let mut rgba = RgbaImage::new(size.0, size.1);
    let rows = rgba.chunks_exact_mut(size.0 as usize * 4).zip(pixels.chunks_exact(row));
    for (to, from) in rows {
        transform.transform(from, to).ok()?;
    }
    Some(rgba)
}

/// As `transformed`, for 16-bit samples; they are rounded to 8 at the end.
fn transformed_deep(
    transform: &dyn TransformExecutor<u16>,
    pixels: &[u16],
    size: (u32, u32),
    row: usize,
) -> Option<RgbaImage> {
    let mut deep = ImageBuffer::<Rgba<u16>, Vec<u16>>::new(size.0, size.1);
    let rows = deep.chunks_exact_mut(size.0 as usize * 4).zip(pixels.chunks_exact(row));
    for (to, from) in rows {
        transform.transform(from, to).ok()?;
    }
    Some(DynamicImage::ImageRgba16(deep).into_rgba8())
}
