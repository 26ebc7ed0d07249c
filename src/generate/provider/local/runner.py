"""Makes sounds with transformers' `text-to-audio`; assetbuild starts it and talks to it in JSON lines.

A request on stdin: {"model", "family", "prompt", "seed", "parameters", "output"}, where `output` is the
file to write. Answers on stdout: {"is": "ready"} once, then {"is": "loaded"} and {"is": "written"} for each
request, or {"is": "error", "of": "setup" | "model" | "request", "words"} in place of one of them. What
libraries print goes to stderr. The program ends when stdin does.
"""

import json
import os
import queue
import struct
import sys
import threading

# Libraries print to stdout as they like: the answers get a channel of their own.
answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
os.dup2(2, 1)


def answer(what, **fields):
    answers.write(json.dumps({"is": what, **fields}) + "\n")
    answers.flush()


def fail(part, error):
    lines = [line.strip() for line in str(error).splitlines() if line.strip()] or [type(error).__name__]
    # Between the first and the last line of a long message stand stack traces.
    answer("error", of=part, words=" ".join(lines[:1] + lines[1:][-1:]))


def read_requests(requests):
    for line in sys.stdin:
        requests.put(json.loads(line))
    # Whoever asked is gone, and nobody waits for what is still being made.
    os._exit(0)


def load(model):
    from transformers import pipeline

    device = "cpu"
    if torch.cuda.is_available():
        device = "cuda"
    elif getattr(torch.backends, "mps", None) and torch.backends.mps.is_available():
        device = "mps"
    return pipeline("text-to-audio", model=model, device=device)


def frame_rate(config):
    """Codes a second of MusicGen's sound."""
    codec = getattr(config, "audio_encoder", None)
    return getattr(codec, "frame_rate", None) or 50


def arguments(pipe, request):
    """The request's parameters as the model's `generate` calls them."""
    given = request["parameters"]
    if not pipe.model.can_generate():
        return {}
    options = {"do_sample": True}
    if request["family"] == "bark":
        names = {"text_temp": "semantic_temperature", "waveform_temp": "coarse_temperature"}
        options.update((name, given[key]) for key, name in names.items() if key in given)
        if "history_prompt" in given:
            from transformers import AutoProcessor

            processor = AutoProcessor.from_pretrained(request["model"])
            inputs = processor(request["prompt"], voice_preset=given["history_prompt"])
            options["history_prompt"] = inputs["history_prompt"]
        return options
    names = {"temperature": "temperature", "top_k": "top_k", "classifier_free_guidance": "guidance_scale"}
    options.update((name, given[key]) for key, name in names.items() if key in given)
    # 0 means: not used.
    if given.get("top_p"):
        options["top_p"] = given["top_p"]
    if "duration_seconds" in given:
        options["max_new_tokens"] = round(given["duration_seconds"] * frame_rate(pipe.model.config))
    return options


def write_wav(path, audio, rate):
    """Samples as a WAV file of 32-bit floats; `audio` is (samples,) or (channels, samples)."""
    import numpy

    samples = numpy.atleast_2d(numpy.squeeze(numpy.asarray(audio, dtype="<f4")))
    channels, length = samples.shape
    if length == 0 or not numpy.isfinite(samples).all():
        raise ValueError("the model gave no sound" if length == 0 else "some samples are no numbers")
    data = samples.T.tobytes()
    frame = 4 * channels
    layout = struct.pack("<HHIIHHH", 3, channels, int(rate), int(rate) * frame, frame, 32, 0)
    count = struct.pack("<I", length)
    chunks = [(b"fmt ", layout), (b"fact", count), (b"data", data)]
    body = b"WAVE" + b"".join(name + struct.pack("<I", len(part)) + part for name, part in chunks)
    with open(path, "wb") as file:
        file.write(b"RIFF" + struct.pack("<I", len(body)) + body)


def serve():
    requests = queue.Queue()
    threading.Thread(target=read_requests, args=(requests,), daemon=True).start()
    name, pipe = None, None
    while True:
        request = requests.get()
        if name != request["model"]:
            # Two models may not fit into memory at once.
            name, pipe = None, None
            try:
                pipe = load(request["model"])
            except Exception as error:
                fail("model", error)
                continue
            name = request["model"]
        answer("loaded")
        try:
            if request["seed"] is not None:
                torch.manual_seed(request["seed"])
            made = pipe(request["prompt"], forward_params=arguments(pipe, request))
            write_wav(request["output"], made["audio"], made["sampling_rate"])
        except Exception as error:
            fail("request", error)
            continue
        answer("written")


try:
    import torch
    import transformers
except ImportError as error:
    fail("setup", error)
else:
    answer("ready", torch=torch.__version__, transformers=transformers.__version__)
    serve()
