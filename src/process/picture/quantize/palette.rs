//! Choosing the palette: cuts where they lower the error most, then k-means.

use crate::process::picture::quantize::TRANSPARENT;
use crate::process::picture::quantize::space::{Point, Space, distance};

/// Colours that are told apart while the palette is chosen; beyond, similar ones are merged first.
const MAX_POINTS: usize = 1 << 15;

/// Rounds of k-means; later ones change the error by less than a hundredth.
const ROUNDS: usize = 12;

/// At most 256 colours; opaque ones come first.
pub(super) struct Palette {
    colors: Vec<u32>,
    points: Vec<Point>,
    /// For each entry a quarter of the squared distance to the nearest other one: whatever is
    /// nearer to it than that has it as its nearest.
    near: Vec<f32>,
    opaque: usize,
}

impl Palette {
    /// At least one and at most `wanted` colours for a picture with these colours and `counts`.
    pub(super) fn choose(space: &Space, counts: &[(u32, u32)], wanted: usize) -> Self {
        let (clear, visible) = match counts {
            [(TRANSPARENT, _), visible @ ..] => (true, visible),
            visible => (false, visible),
        };
        let mut weighted = merge_similar(space, visible);
        let cuts = cut(&mut weighted, wanted - usize::from(clear));
        let centers = refine(&weighted, cuts);
        let mut colors: Vec<u32> = centers.iter().map(|center| space.color(center)).collect();
        if clear {
            colors.push(TRANSPARENT);
        }
        Self::of(space, colors)
    }

    fn of(space: &Space, mut colors: Vec<u32>) -> Self {
        colors.sort_unstable_by_key(|&color| (!is_opaque(color), color));
        colors.dedup();
        let points: Vec<Point> = colors.iter().map(|&color| space.point(color)).collect();
        let near = (0..points.len())
            .map(|at| {
                let others = points.iter().enumerate().filter(|(other, _)| *other != at);
                let nearest = others.map(|(_, other)| distance(&points[at], other));
                nearest.fold(f32::INFINITY, f32::min) / 4.0
            })
            .collect();
        let opaque = colors.iter().take_while(|&&color| is_opaque(color)).count();
        Self { colors, points, near, opaque }
    }

    pub(super) fn color(&self, entry: usize) -> u32 {
        self.colors[entry]
    }

    pub(super) fn point(&self, entry: usize) -> &Point {
        &self.points[entry]
    }

    /// The entry for a pixel of `color` that lies at `point`.
    pub(super) fn nearest(&self, color: u32, point: &Point) -> usize {
        let entries = self.entries_for(color);
        nearest_of(&self.points[entries], point)
    }

    /// As `nearest`, fast if `guess` is right; for the same colour `guess` must be an entry that
    /// `nearest` may give.
    pub(super) fn nearest_from(&self, guess: usize, color: u32, point: &Point) -> usize {
        if distance(&self.points[guess], point) < self.near[guess] {
            return guess;
        }
        self.nearest(color, point)
    }

    /// The entries that a pixel may get: an opaque one stays opaque.
    fn entries_for(&self, color: u32) -> std::ops::Range<usize> {
        if is_opaque(color) && self.opaque > 0 { 0..self.opaque } else { 0..self.colors.len() }
    }
}

fn is_opaque(color: u32) -> bool {
    color & 0xff == 0xff
}

/// The first of the nearest points.
fn nearest_of(points: &[Point], point: &Point) -> usize {
    let (mut best, mut least) = (0, f32::INFINITY);
    for (at, other) in points.iter().enumerate() {
        let found = distance(other, point);
        if found < least {
            (best, least) = (at, found);
        }
    }
    best
}

/// A colour, or the mean of some, and how many pixels have it.
#[derive(Clone, Copy)]
struct Weighted {
    point: Point,
    weight: f32,
}

/// The colours as points, the low bits of their channels ignored until there are few enough.
fn merge_similar(space: &Space, counts: &[(u32, u32)]) -> Vec<Weighted> {
    let mut keyed = counts.to_vec();
    let mut mask = 0xffff_ffff_u32;
    loop {
        keyed.sort_unstable_by_key(|&(color, _)| (color & mask, color));
        let groups = || keyed.chunk_by(|a, b| a.0 & mask == b.0 & mask);
        if groups().count() <= MAX_POINTS {
            let mean = |group: &[(u32, u32)]| {
                let mut sum = Sum::default();
                for &(color, count) in group {
                    sum.add(&space.point(color), count as f32);
                }
                Weighted { point: sum.mean(), weight: sum.weight as f32 }
            };
            return groups().map(mean).collect();
        }
        mask &= (mask << 1) & 0xfefe_fefe;
    }
}

/// A weighted sum of points.
#[derive(Default, Clone, Copy)]
struct Sum {
    point: [f64; 4],
    weight: f64,
}

impl Sum {
    fn add(&mut self, point: &Point, weight: f32) {
        for (sum, value) in self.point.iter_mut().zip(point) {
            *sum += f64::from(*value) * f64::from(weight);
        }
        self.weight += f64::from(weight);
    }

    fn mean(&self) -> Point {
        self.point.map(|sum| (sum / self.weight) as f32)
    }

    /// The sum of squares that the mean explains: weight times its squared length.
    fn explained(&self) -> f64 {
        self.point.iter().map(|sum| sum * sum).sum::<f64>() / self.weight.max(f64::MIN_POSITIVE)
    }
}

/// A range of points that would get one colour.
struct Cell {
    start: usize,
    end: usize,
    /// Weighted sum of the squared distances to the mean.
    error: f64,
}

impl Cell {
    fn new(points: &[Weighted], start: usize, end: usize) -> Self {
        let mut sum = Sum::default();
        let mut squares = 0.0;
        for Weighted { point, weight } in &points[start..end] {
            sum.add(point, *weight);
            squares += f64::from(distance(point, &[0.0; 4])) * f64::from(*weight);
        }
        let error = if end - start > 1 { (squares - sum.explained()).max(0.0) } else { 0.0 };
        Self { start, end, error }
    }
}

/// The means of at most `wanted` cells, cut where the error falls most. Sorts `points`.
///
/// Source: Wu, Efficient Statistical Computations for Optimal Color Quantization; the cuts are
/// across the longest axis of each cell instead of one of the space's.
fn cut(points: &mut [Weighted], wanted: usize) -> Vec<Point> {
    let mut cells = vec![Cell::new(points, 0, points.len())];
    while cells.len() < wanted {
        let worst = (0..cells.len()).max_by(|&a, &b| {
            // The first of equals, so that the order is the same everywhere.
            cells[a].error.total_cmp(&cells[b].error).then(b.cmp(&a))
        });
        let Some(worst) = worst.filter(|&worst| cells[worst].error > 0.0) else { break };
        let Cell { start, end, .. } = cells[worst];
        let middle = start + split(&mut points[start..end]);
        cells[worst] = Cell::new(points, start, middle);
        cells.push(Cell::new(points, middle, end));
    }
    let mean = |cell: &Cell| {
        let mut sum = Sum::default();
        points[cell.start..cell.end].iter().for_each(|at| sum.add(&at.point, at.weight));
        sum.mean()
    };
    cells.iter().map(mean).collect()
}

/// Sorts at least two points along their longest axis and gives the length of the first part.
fn split(points: &mut [Weighted]) -> usize {
    let axis = longest_axis(points);
    let along = |at: &Weighted| at.point.iter().zip(axis).map(|(a, b)| a * b).sum::<f32>();
    points.sort_by(|a, b| along(a).total_cmp(&along(b)));
    let mut whole = Sum::default();
    points.iter().for_each(|at| whole.add(&at.point, at.weight));
    let mut left = Sum::default();
    let (mut best, mut most) = (1, f64::NEG_INFINITY);
    for (at, Weighted { point, weight }) in points[..points.len() - 1].iter().enumerate() {
        left.add(point, *weight);
        let mut right = whole;
        for (right, left) in right.point.iter_mut().zip(left.point) {
            *right -= left;
        }
        right.weight -= left.weight;
        let explained = left.explained() + right.explained();
        if explained > most {
            (best, most) = (at + 1, explained);
        }
    }
    best
}

/// The direction of the largest variance, by power iteration on the covariance.
fn longest_axis(points: &[Weighted]) -> Point {
    let mut sum = Sum::default();
    points.iter().for_each(|at| sum.add(&at.point, at.weight));
    let mean = sum.mean();
    let mut covariance = [[0.0_f64; 4]; 4];
    for Weighted { point, weight } in points {
        let offset: [f64; 4] = std::array::from_fn(|axis| f64::from(point[axis] - mean[axis]));
        for (row, a) in covariance.iter_mut().zip(offset) {
            for (cell, b) in row.iter_mut().zip(offset) {
                *cell += a * b * f64::from(*weight);
            }
        }
    }
    let longest = |axis: &usize| covariance[*axis][*axis];
    let start = (0..4).max_by(|a, b| longest(a).total_cmp(&longest(b))).unwrap_or(0);
    let mut axis = covariance[start];
    for _ in 0..8 {
        let length = axis.iter().map(|value| value * value).sum::<f64>().sqrt();
        if length == 0.0 {
            return [1.0, 0.0, 0.0, 0.0];
        }
        let unit = axis.map(|value| value / length);
        axis = covariance.map(|row| row.iter().zip(unit).map(|(a, b)| a * b).sum());
    }
    let length = axis.iter().map(|value| value * value).sum::<f64>().sqrt();
    axis.map(|value| (value / length.max(f64::MIN_POSITIVE)) as f32)
}

/// Moves every centre to the mean of what is nearest to it, until that changes nothing.
fn refine(points: &[Weighted], mut centers: Vec<Point>) -> Vec<Point> {
    let mut assigned = vec![usize::MAX; points.len()];
    for _ in 0..ROUNDS {
        let mut sums = vec![Sum::default(); centers.len()];
        let mut has_changed = false;
        for (Weighted { point, weight }, assigned) in points.iter().zip(&mut assigned) {
            let nearest = nearest_of(&centers, point);
            has_changed |= *assigned != nearest;
            *assigned = nearest;
            sums[nearest].add(point, *weight);
        }
        if !has_changed {
            break;
        }
        for (center, sum) in centers.iter_mut().zip(&sums) {
            // A centre that is nearest to nothing stays; another round may find it something.
            if sum.weight > 0.0 {
                *center = sum.mean();
            }
        }
    }
    centers
}
