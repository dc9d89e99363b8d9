"""A llama model with random weights, written in a moment and small enough for any machine."""

from pathlib import Path

import gguf
import numpy as np
from numpy.typing import NDArray

MODEL_CONTEXT_TOKENS = 16_384
_WIDTH = 64
_HEADS = 4
_FEED_FORWARD = 128
_LAYERS = 2
_SEED = 20_26

_WORDS = ("▁alpha", "▁beta", "▁gamma", "▁delta", "▁Zürich", "▁漢字", "▁😀", "▁omega", ".", ",")
_SPECIAL = ("<unk>", "<s>", "</s>")
_BYTES = tuple(f"<0x{byte:02X}>" for byte in range(256))
_SPACE = "▁"
_MUTE = (*_SPECIAL, *_BYTES, _SPACE)
_VOCABULARY = (*_MUTE, *_WORDS)

# The first dimension is the same for every token, and no layer writes to it: what the output
# weighs it with is a bias, and with it only words are ever chosen, never the end of the text.
_BIAS = 0
_BIAS_VALUE = 4.0
_MUTE_WEIGHT = -30.0

Tensor = NDArray[np.float32]


def write_model(path: Path, *, context_tokens: int = MODEL_CONTEXT_TOKENS) -> None:
    """A model that says words of several bytes, without sense and without end."""
    writer = gguf.GGUFWriter(path, "llama")
    _write_shape(writer, context_tokens)
    _write_vocabulary(writer)
    for name, tensor in _tensors(np.random.default_rng(_SEED)).items():
        writer.add_tensor(name, tensor)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def _write_shape(writer: gguf.GGUFWriter, context_tokens: int) -> None:
    writer.add_context_length(context_tokens)
    writer.add_embedding_length(_WIDTH)
    writer.add_block_count(_LAYERS)
    writer.add_feed_forward_length(_FEED_FORWARD)
    writer.add_head_count(_HEADS)
    writer.add_head_count_kv(_HEADS)
    writer.add_rope_dimension_count(_WIDTH // _HEADS)
    writer.add_layer_norm_rms_eps(1e-5)
    writer.add_file_type(gguf.LlamaFileType.ALL_F32)


def _write_vocabulary(writer: gguf.GGUFWriter) -> None:
    kinds = {"<unk>": gguf.TokenType.UNKNOWN, "<s>": gguf.TokenType.CONTROL}
    kinds |= {"</s>": gguf.TokenType.CONTROL} | dict.fromkeys(_BYTES, gguf.TokenType.BYTE)
    writer.add_tokenizer_model("llama")
    writer.add_tokenizer_pre("default")
    writer.add_token_list(list(_VOCABULARY))
    writer.add_token_scores([-float(rank) for rank in range(len(_VOCABULARY))])
    writer.add_token_types([kinds.get(token, gguf.TokenType.NORMAL) for token in _VOCABULARY])
    writer.add_unk_token_id(_VOCABULARY.index("<unk>"))
    writer.add_bos_token_id(_VOCABULARY.index("<s>"))
    writer.add_eos_token_id(_VOCABULARY.index("</s>"))
    writer.add_chat_template("{% for m in messages %}{{ m.role }}: {{ m.content }}\n{% endfor %}")


def _tensors(random: np.random.Generator) -> dict[str, Tensor]:
    def weights(outputs: int, inputs: int, scale: float) -> Tensor:
        return random.normal(0, scale, (outputs, inputs)).astype(np.float32)

    def layer(name: str) -> dict[str, Tensor]:
        tensors = {f"{name}.attn_{part}": weights(_WIDTH, _WIDTH, 0.3) for part in "qkv"}
        tensors |= {f"{name}.ffn_gate": weights(_FEED_FORWARD, _WIDTH, 0.3)}
        tensors |= {f"{name}.ffn_up": weights(_FEED_FORWARD, _WIDTH, 0.3)}
        # What is written back is kept small: with a larger scale it would drown the bias.
        written = {f"{name}.attn_output": weights(_WIDTH, _WIDTH, 0.05)}
        written |= {f"{name}.ffn_down": weights(_WIDTH, _FEED_FORWARD, 0.05)}
        for tensor in written.values():
            tensor[_BIAS] = 0
        norms = {f"{name}.{part}_norm": np.ones(_WIDTH, np.float32) for part in ("attn", "ffn")}
        return tensors | written | norms

    embedding, output = (weights(len(_VOCABULARY), _WIDTH, 0.3) for _ in range(2))
    embedding[:, _BIAS] = _BIAS_VALUE
    output[:, _BIAS] = 0
    output[: len(_MUTE), _BIAS] = _MUTE_WEIGHT
    named = {"token_embd": embedding, "output": output, "output_norm": np.ones(_WIDTH, np.float32)}
    for index in range(_LAYERS):
        named |= layer(f"blk.{index}")
    return {f"{name}.weight": tensor for name, tensor in named.items()}
