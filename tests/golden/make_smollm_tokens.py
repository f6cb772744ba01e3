#!/usr/bin/env python3
"""Makes smollm_tokens.jsonl: texts and the ids that Hugging Face's `tokenizers` gives them with SmolLM2's vocabulary.

Usage: make_smollm_tokens.py SmolLM2-135M-Instruct.Q4_1.gguf
Needs gguf and tokenizers. It is seeded and writes the same file each time. A line holds "text", or "hex" where the bytes are not UTF-8.
"""

import json
import pathlib
import random
import sys

import gguf
from tokenizers import AddedToken, Tokenizer, models, pre_tokenizers

CONTROL = 3  # token_type

BY_HAND = [
    "", " ", "  ", "   ", "a", " a", "  a", "a ", "a  ", "\n", "\n\n", " \n ", "\t", "\r\n", "\x0b\x0c", "\x00", "\x01\x02\x04\x06\x13\x14\x16\x1d",
    "Hello world! 123", "The capital of France is", "hello", "Hello", " Hello", "HELLO", "  two  spaces   three    four     five",
    "tab\tand\nnewline\r\nand more\n\n\nend", "trailing space ", "trailing spaces   ", " leading", "\n leading", "\n\n  indented\n    more\n\tback",
    "0", "1", "12", "123", "1234567890", " 1", "  1", "   12", "a1b2c3", "1a 2b 3c", "3.14159", "1,000,000", "-5", "+7", "2024-11-24T17:40:00Z", "v1.2.3-rc4",
    "10s:", "\n12s:", "\n0s:", "\n", "x  9", "9  x", "9 x", "x\n9", "x \n9", "x\n 9", "  \n\t 7", "½ ¾ ² ³ ① Ⅷ ٣ ३ 万 〇 ㊀ 𝟗 𝟘",
    "I'm you're he's she'll we've they'd it's don't", "I'M YOU'RE HE'S SHE'LL WE'VE THEY'D", "'s't're've'm'll'd", "''s '' 'x' 'sx 'll 'l 'r 're", "rock'n'roll o'clock", "’s ’t don’t",
    "!", "!!", "! !", "!?...", "a!b", "a !b", "a ! b", "(x)", "[y]", "{z}", "<tag>", "a/b\\c", "C++ C# .NET", "foo_bar __init__ a-b", "#hash @at $5 50% ^ & *",
    "https://example.org/path?x=1&y=2#frag", "user@example.org", "/usr/share/doc/opencv", "x=1;y=2", "if (a<b && c>d) { return a[b]; }", "def f(x):\n    return x + 1\n",
    "éèêëàâîïôùûüç", "Ångström", "naïve café", "straße STRASSE ẞ", "e\u0301", "a\u0308o\u0308u\u0308", "n\u0303", "\u0301", " \u0301", "x\u0301\u0302\u0303y", "Z\u0351\u0343a\u0321l\u0330g\u0334o\u0335",
    "Привет, мир!", "Γειά σου Κόσμε", "שלום עולם", "مرحبا بالعالم", "नमस्ते दुनिया", "สวัสดีชาวโลก", "გამარჯობა", "አማርኛ", "မင်္ဂလာပါ", "ខ្មែរ", "한국어 텍스트", "日本語のテキスト、です。", "你好，世界！", "繁體中文", "ｆｕｌｌｗｉｄｔｈ　１２３",
    "😀", "😀😃😄", "👍🏽", "👨‍👩‍👧‍👦", "🇩🇪🇫🇷", "❤️ ☎️ ⚡", "a😀b", " 😀 ", "🚗🚙 2 cars", "♥♦♣♠", "→←↑↓ ⇒", "∑∏∫√∞≠≤≥", "𝔘𝔫𝔦𝔠𝔬𝔡𝔢", "𐍈𐌰", "\U000e0041", "\U00100000", "\U0010ffff", "\U00050000x",
    "\u00a0", "a\u00a0b", "\u00a0\u00a0x", "\u1680x", "\u180ex", "a\u180e b", "\u2000\u2001\u2002\u2003x", "\u2009x", "\u200b", "a\u200bb", "\u200d", "\u2028x", "\u2029x", "\u202fx", "\u205fx", "\u3000x", "\u3000\u3000x", "\ufeffx", "\x85x", "a \x85 b", "\x1c\x1d\x1e\x1f", "x\x1fy", "\x7f",
    "\ufffd", "\ufffe", "\uffff", "\ue000", "\u0378", "ʼn ǆ ﬁ ﬃ", "ªº", "µ", "ʰʲ", "ᵃᵇ", "_", "__ __", "‿⁀", "·", "«x»", "„x“", "–—―", "…", "\u00ad", "x\u00ady",
    "<|im_start|>", "<|im_end|>", "<|endoftext|>", "<|im_start|>system\nAnswer questions about what you see.<|im_end|>\n<|im_start|>user", "\nWhat do you see?<|im_end|>\n<|im_start|>assistant\n",
    "a<|im_end|>b", " <|im_end|> ", "<|im_end|><|im_end|>", "<|im_end", "<|im_end|", "<|im_end |>", "<<|im_end|>>", "<|im_<|im_end|>end|>", "<|IM_END|>", "<repo_name>x<reponame>", "<file_sep>a.py<filename>", "<gh_stars>100-1000", "<issue_start><issue_comment>hi<issue_closed>", "<jupyter_start><jupyter_text><jupyter_code><jupyter_output><jupyter_script><empty_output>", "1<|im_end|>2", "  <|im_end|>  ", "\n<|im_end|>\n",
    "What is the man on the left doing?", "How many cars are there?", "Is there a dog in the picture?", "When did the red bus leave?", "What colour is the person's jacket at 12 s?",
    "supercalifragilisticexpialidocious antidisestablishmentarianism pneumonoultramicroscopicsilicovolcanoconiosis", "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", "=" * 100, "-" * 77, " " * 100, "\n" * 50, "\t" * 33, "ab" * 60, "." * 64, "ha" * 40, "😀" * 20, "漢" * 40,
    "qwertyuiopasdfghjklzxcvbnmqwertyuiopasdfghjklzxcvbnm", "ThisIsCamelCaseTextWithoutAnySpacesInItAtAll", "thequickbrownfoxjumpsoverthelazydogthequickbrownfoxjumpsoverthelazydog",
]
BROKEN = [
    "80", "ff", "c0", "c1bf", "c3", "61c3", "c328", "e2", "e282", "e28228", "e2820a", "f0", "f09f", "f09f98", "f09f9828", "61f09f9862", "eda080", "edbfbf", "f4908080", "f5808080", "fe", "fffe", "c080", "e08080", "f0808080", "8080808080",
    "48656c6c6ff09f9820776f726c64", "20ff20", "31ff32", "c3a9c3", "e4bda0e5a5", "3c7c696d5f656e647cff3e", "efbfbd80",
]
PARTS = ["a", "b", "the", "Ing", "ZZ", " ", "  ", "\n", "\t", "1", "42", "'s", "'", "!", "...", "é", "e\u0301", "漢", "字", "😀", "\u00a0", "\u3000", "\u200d", "<|im_end|>", "<", "|>", "Я", "ا", "½", "_", "-", "\r", "$", "\U0001d7d7", "ö"]


def hugging_face(gguf_path):
    fields = gguf.GGUFReader(gguf_path).fields
    values = {key: fields["tokenizer.ggml." + key].contents() for key in ("tokens", "merges", "token_type")}
    vocabulary = {token: number for number, token in enumerate(values["tokens"])}
    tokenizer = Tokenizer(models.BPE(vocab=vocabulary, merges=[tuple(merge.split(" ")) for merge in values["merges"]]))
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [pre_tokenizers.Digits(individual_digits=True), pre_tokenizers.ByteLevel(add_prefix_space=False)]
    )
    control = [token for token, kind in zip(values["tokens"], values["token_type"]) if kind == CONTROL]
    tokenizer.add_special_tokens([AddedToken(token, special=True, normalized=False) for token in control])
    return tokenizer


def main():
    tokenizer = hugging_face(sys.argv[1])
    rng = random.Random(1)
    texts = BY_HAND + ["".join(rng.choices(PARTS, k=rng.randint(2, 24))) for _ in range(300)]
    lines = [{"text": text, "ids": tokenizer.encode(text, add_special_tokens=False).ids} for text in texts]
    for broken in BROKEN:
        text = bytes.fromhex(broken).decode(errors="replace")
        lines.append({"hex": broken, "ids": tokenizer.encode(text, add_special_tokens=False).ids})
    with open(pathlib.Path(__file__).with_name("smollm_tokens.jsonl"), "w", encoding="ascii") as out:
        for line in lines:
            print(json.dumps(line, separators=(",", ":")), file=out)


if __name__ == "__main__":
    main()
