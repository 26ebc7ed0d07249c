//! The table of every key of the Assetfile.

use crate::yaml::schema::Shape::{
    Any, Integer, Items, List, Map, MapOf, Money, Path, Seconds, Text, Word,
};
use crate::yaml::schema::Stale::{Inner, No, Publishing, Request};
use crate::yaml::schema::{Key, Shape};

const POSITIVE: Shape = Integer(1, i64::MAX);
const AMOUNT: Shape = Integer(0, i64::MAX);

/// Keys at the top of the Assetfile.
pub const ASSETFILE: &[Key] = &[
    Key::new("version", Text, No, "version of the format: \"1.0\"; required"),
    Key::new("project", Text, No, "name of the project, for people"),
    Key::new(
        "specs",
        Items(&Text),
        Publishing,
        "globs of spec files, relative to the root; templates too",
    )
    .or("specs/**/*.yaml, specs/**/*.yml"),
    Key::new("assets_dir", Path, Publishing, "folder of published files").or("assets"),
    Key::new("manifest", Path, Publishing, "the manifest that lists published files")
        .or("assets/manifest.json"),
    Key::new(
        "styles",
        MapOf(&Path),
        Request,
        "style name to Markdown file; its text, comments stripped, ends the image prompts that \
         name it in `prompt.styles`; `base` ends all of them",
    ),
    Key::new("defaults", Map(DEFAULTS), Inner, "merged under every spec of that type"),
    Key::new(
        "until_bought",
        Word(&["nothing", "placeholder"]),
        Publishing,
        "what stands in for an asset that is not bought or delivered",
    )
    .or("nothing"),
    Key::new(
        "retired_models",
        MapOf(&Text),
        No,
        "model to the one that is bought in its place from now on: \
         `{ dall-e-3: gpt-image-2 }`; what was bought stays fresh",
    ),
    Key::new("providers", MapOf(&Map(PROVIDER)), Inner, "settings by the provider's name in specs"),
    Key::new("budget", Map(BUDGET), No, "hard caps in USD"),
    Key::new("ask_above", Money, No, "a purchase plan above this asks once at a terminal")
        .or("0.00"),
    Key::new("paid_dir", Path, No, "folder of paid raws and their receipts").or(".assetcache/paid"),
    Key::new("env_file", Path, No, "file of environment variables, read only if named"),
    Key::new("fonts", List(&Path), Request, "font files for text in SVG drawings"),
    Key::new("check", Map(CHECK), No, "what `--check` makes of its findings"),
    Key::new(
        "paid_in_watch",
        Text,
        No,
        "what the watch does with paid work: `ask`, `never`, or an amount in USD",
    )
    .or("ask"),
    Key::new(
        "constants",
        List(&Map(CONSTANTS)),
        Publishing,
        "files of constants to generate; not in use yet",
    ),
    Key::new(
        "hooks",
        Map(HOOKS),
        No,
        "programs to run, each a list of program and arguments, without a shell; not in use yet",
    ),
    Key::new(
        "remote",
        Map(REMOTE),
        No,
        "where results are shared: `dir` or `endpoint`; not in use yet",
    ),
];

const DEFAULTS: &[Key] = &[
    Key::new("image", MapOf(&Any), Inner, "merged under every image spec"),
    Key::new("audio", MapOf(&Any), Inner, "merged under every audio spec"),
];

const PROVIDER: &[Key] = &[
    Key::new("concurrency", POSITIVE, No, "most requests in flight at once"),
    Key::new("requests_per_minute", POSITIVE, No, "most requests sent in a minute"),
    Key::new(
        "api_key_env",
        Text,
        No,
        "environment variable that holds the key, in place of the provider's usual one",
    ),
    Key::new("base_url", Text, No, "full URL prefix of a proxy or local server"),
    Key::new("model", Text, Request, "model of specs that name none; `generation.model` wins"),
    Key::new(
        "engine",
        Text,
        Request,
        "service or local server behind the name; each provider has its own",
    ),
    Key::new("checkpoint", Text, Request, "model that a local engine loads"),
    Key::new(
        "python",
        Text,
        No,
        "Python of the engine `local`: a program on PATH or a path in the project",
    )
    .or("python3"),
    Key::new("timeout", Seconds, No, "seconds until a request is given up"),
    Key::new(
        "prices",
        MapOf(&Money),
        No,
        "price of one request in USD by model, in place of the shipped one: `{ image3: 0.04 }`",
    ),
    Key::new("reserve_credits", AMOUNT, No, "credits of the account that are never spent"),
    Key::new(
        "usd_per_1000_credits",
        Money,
        No,
        "what a thousand credits cost in USD; turns prices in credits into dollars",
    ),
];

const CAPS: &[Key] = &[
    Key::new("per_run", Money, No, "cap of one run").or("no cap"),
    Key::new("daily", Money, No, "cap of a UTC day").or("no cap"),
    Key::new("monthly", Money, No, "cap of a UTC month").or("no cap"),
];

const BUDGET: &[Key] = &[
    CAPS[0],
    CAPS[1],
    CAPS[2],
    Key::new("providers", MapOf(&Map(CAPS)), No, "the same caps by provider"),
];

const CHECK: &[Key] =
    &[Key::new("unbought", Word(&["fail", "warn"]), No, "what unbought assets are").or("fail")];

const CONSTANTS: &[Key] = &[
    Key::new(
        "language",
        Word(&["js", "ts", "rust", "csharp", "gdscript", "template"]),
        Publishing,
        "language of the file; required",
    ),
    Key::new("path", Path, Publishing, "the file; required"),
    Key::new("template", Path, Publishing, "the template of `language: template`"),
];

const HOOKS: &[Key] = &[Key::new(
    "after_integrate",
    List(&List(&Text)),
    No,
    "run after files were published: `[[npm, run, build]]`",
)];

const REMOTE: &[Key] = &[
    Key::new("dir", Text, No, "a shared folder; may lie outside the project"),
    Key::new("endpoint", Text, No, "a Remote Execution API endpoint, such as grpc://host:port"),
];
