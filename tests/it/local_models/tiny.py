"""Writes tiny MusicGen and Bark models with random weights to the folder that it is given."""

import json
import sys

import torch
from tokenizers import Tokenizer, models, pre_tokenizers
from transformers import (
    BarkCoarseConfig,
    BarkConfig,
    BarkFineConfig,
    BarkModel,
    BarkSemanticConfig,
    EncodecConfig,
    MusicgenConfig,
    MusicgenDecoderConfig,
    MusicgenForConditionalGeneration,
    PreTrainedTokenizerFast,
    T5Config,
)
from transformers.models.bark.generation_configuration_bark import (
    BarkCoarseGenerationConfig,
    BarkFineGenerationConfig,
    BarkGenerationConfig,
    BarkSemanticGenerationConfig,
)

folder = sys.argv[1]
torch.manual_seed(1)


def write_tokenizer(path):
    words = ["<pad>", "</s>", "<unk>"] + [chr(code) for code in range(33, 127)]
    tokenizer = Tokenizer(models.WordLevel({word: at for at, word in enumerate(words)}, unk_token="<unk>"))
    tokenizer.pre_tokenizer = pre_tokenizers.Split("", "isolated")
    PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        pad_token="<pad>",
        eos_token="</s>",
        unk_token="<unk>",
        model_input_names=["input_ids", "attention_mask"],
    ).save_pretrained(path)


def codec(rate, ratios, **more):
    return EncodecConfig(
        sampling_rate=rate,
        upsampling_ratios=ratios,
        num_filters=4,
        num_residual_layers=1,
        codebook_dim=16,
        hidden_size=16,
        num_lstm_layers=1,
        **more,
    )


def write_musicgen(path):
    text = T5Config(vocab_size=200, d_model=16, d_kv=8, d_ff=32, num_layers=1, num_heads=2)
    audio = codec(32000, [8, 5, 4, 4], codebook_size=64, target_bandwidths=[2.2], use_causal_conv=False)
    decoder = MusicgenDecoderConfig(
        vocab_size=64,
        num_hidden_layers=1,
        ffn_dim=32,
        num_attention_heads=2,
        hidden_size=16,
        num_codebooks=4,
        pad_token_id=64,
        bos_token_id=64,
    )
    config = MusicgenConfig.from_sub_models_config(text, audio, decoder)
    model = MusicgenForConditionalGeneration(config)
    generation = model.generation_config
    generation.decoder_start_token_id = generation.pad_token_id = generation.bos_token_id = 64
    generation.guidance_scale = 3.0
    model.save_pretrained(path)
    write_tokenizer(path)


def write_bark(path):
    size = {"block_size": 1024, "num_layers": 1, "num_heads": 2, "hidden_size": 16}
    semantic = BarkSemanticConfig(input_vocab_size=129600, output_vocab_size=10048, **size)
    coarse = BarkCoarseConfig(input_vocab_size=12096, output_vocab_size=12096, **size)
    fine = BarkFineConfig(input_vocab_size=1056, output_vocab_size=1056, **size)
    audio = codec(24000, [8, 5, 4, 2], codebook_size=1024, target_bandwidths=[6.0])
    BarkModel(BarkConfig.from_sub_model_configs(semantic, coarse, fine, audio)).save_pretrained(path)
    generation = BarkGenerationConfig.from_sub_model_configs(
        BarkSemanticGenerationConfig(max_new_tokens=30),
        BarkCoarseGenerationConfig(),
        BarkFineGenerationConfig(),
    )
    with open(f"{path}/generation_config.json", "w", encoding="utf-8") as file:
        json.dump(generation.to_dict(), file)
    write_tokenizer(path)


write_musicgen(f"{folder}/musicgen")
write_bark(f"{folder}/bark")
