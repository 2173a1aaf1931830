"""Reads speech back with Whisper base and compares it with what was to be said.

usage: read_back.py LANGUAGE SENTENCES.tsv WAV_DIR MODEL      (LANGUAGE en, zh or mixed; MODEL a ggml file)

Each line of SENTENCES is a text, a tab, and how it is said when that is not how it is written. English is compared by
words after both sides were written out in words, Chinese by characters (in simplified script, numbers as said) and by
toneless pinyin, a mixed sentence by Chinese characters and English words together. Prints a JSON line and, on
standard error, what was heard wrongly.
"""
import json
import re
import sys
import wave

import numpy as np
from num2words import num2words
from opencc import OpenCC
from pypinyin import lazy_pinyin
from pywhispercpp.model import Model

SIMPLIFIED = OpenCC("t2s")


def samples_16k(path):
    with wave.open(path) as file:
        rate = file.getframerate()
        sound = np.frombuffer(file.readframes(file.getnframes()), np.int16).astype(np.float32) / 32768
    at = np.arange(0, len(sound), rate / 16000)
    # A low pass first: a moving average of the ratio's length is enough for a recogniser.
    width = max(1, round(rate / 16000))
    sound = np.convolve(sound, np.ones(width) / width, "same")
    return np.interp(at, np.arange(len(sound)), sound).astype(np.float32)


def english_words(text):
    text = text.lower().replace("’", "'").replace("%", " percent").replace("°c", " degrees celsius")
    text = re.sub(r"\b(january|february|march|april|may|june|july|august|september|october|november|december) (\d{1,2})\b(?!\d)",
                  lambda m: f"{m[1]} {num2words(int(m[2]), to='ordinal')}", text)
    # Whisper writes times of day with a full stop as often as with a colon.
    text = re.sub(r"(\d{1,2})[:.](\d\d)(?=\s?(?:[ap]\.?m|$|\.$|,|\s+and))", r"\1:\2", text)
    text = re.sub(r"(\d),(\d{3})\b", lambda m: m[1] + m[2] + "#", text)
    text = re.sub(r"(\d{1,2}):(\d\d)", lambda m: f"{m[1]} {'oh ' if m[2][0] == '0' and m[2] != '00' else ''}{int(m[2]) or ''}", text)
    text = re.sub(r"\$([\d.,]+\d)( (?:million|billion))", r"\1\2 dollars", text)
    text = re.sub(r"[€]([\d.,]+\d)( (?:million|billion))", r"\1\2 euros", text)
    text = re.sub(r"\$(\d+)\.(\d\d)", r"\1 dollars and \2 cents", text)
    text = re.sub(r"\$([\d,]+)", r"\1 dollars", text)
    text = re.sub(r"£([\d,]+)", r"\1 pounds", text)
    text = re.sub(r"(\d)-(\d)", r"\1 to \2", text)
    text = re.sub(r"(\d+)/(\d+)", lambda m: {"2/3": "two thirds"}.get(m[0], m[0]), text)
    text = re.sub(r"-(\d)", r"minus \1", text).replace("km/h", "kilometers per hour")
    text = re.sub(r"(\d)([ap]\.?m\b)", r"\1 \2", text)
    text = re.sub(r"(\d),(\d{3})", r"\1\2", text).replace("a.m.", "am").replace("p.m.", "pm").replace("mr.", "mister").replace("dr.", "doctor")
    text = re.sub(r"(\d+)(st|nd|rd|th)\b", lambda m: num2words(int(m[1]), to="ordinal"), text)
    text = re.sub(r"(\d{4})s\b", lambda m: num2words(int(m[1]), to="year")[:-1] + "ies", text)
    text = re.sub(r"\b(1[1-9]\d\d|20[1-9]\d)\b(?!#)", lambda m: num2words(int(m[0]), to="year"), text)
    text = re.sub(r"\d+(\.\d+)?", lambda m: num2words(float(m[0]) if "." in m[0] else int(m[0])), text)
    words = re.sub(r"[^a-z' ]", " ", text.replace("#", "")).replace(" and ", " ").split()
    spelling = {"centre": "center", "metres": "meters", "kilometres": "kilometers", "cancelled": "canceled", "o'clock": ""}
    return [spelling.get(word, word) for word in words if spelling.get(word, word)]


def chinese_number(match):
    text = match[0]
    digits = "零一二三四五六七八九"
    whole, _, fraction = text.partition(".")
    value, out = int(whole), ""
    if value == 0:
        out = "零"
    for unit, name in ((10**8, "亿"), (10**4, "万"), (1, "")):
        part = value // unit % 10**4
        if part:
            piece, zero = "", False
            for size, mark in ((1000, "千"), (100, "百"), (10, "十"), (1, "")):
                digit = part // size % 10
                if digit:
                    piece += ("零" if zero and piece else "") + digits[digit] + mark
                    zero = False
                else:
                    zero = True
            out += ("零" if out and part < 1000 else "") + piece + name
    if out.startswith("一十"):
        out = out[1:]
    return out + ("点" + "".join(digits[int(d)] for d in fraction) if fraction else "")


def chinese_text(text):
    text = SIMPLIFIED.convert(text).replace(",", "") if re.search(r"\d,\d{3}", text) else SIMPLIFIED.convert(text)
    text = re.sub(r"(\d{4})年", lambda m: "".join("零一二三四五六七八九"[int(d)] for d in m[1]) + "年", text)
    text = re.sub(r"(\d{1,2}):(\d\d)", lambda m: f"{m[1]}点{'零' if m[2][0] == '0' else ''}{int(m[2])}分", text)
    text = re.sub(r"([\d.]+)%", r"百分之\1", text)
    text = re.sub(r"(\d+)/(\d+)", r"\2分之\1", text)
    text = re.sub(r"(\d+)比(\d+)", r"\1比\2", text)
    text = re.sub(r"-?(\d+)(℃|度)", r"\1摄氏度", text)
    text = re.sub(r"\d+(\.\d+)?", chinese_number, text)
    return text.replace("两", "二").replace("摄氏度", "度")


def tokens(language, text):
    if language == "en":
        return english_words(text)
    text = chinese_text(text.lower())
    if language == "zh":
        return re.findall(r"[\u4e00-\u9fff]", text)
    return re.findall(r"[\u4e00-\u9fff]|[a-z]+", text)


def errors(wanted, heard):
    row = list(range(len(heard) + 1))
    for i, want in enumerate(wanted, 1):
        last, row[0] = row[0], i
        for j, got in enumerate(heard, 1):
            last, row[j] = row[j], min(row[j] + 1, row[j - 1] + 1, last + (want != got))
    return row[-1]


def main(language, sentences, wavs, model):
    whisper = Model(model, print_progress=False, print_realtime=False, n_threads=1)
    total = wrong = sounds = wrong_sounds = 0
    for n, line in enumerate(open(sentences, encoding="utf-8")):
        text, _, said = line.rstrip("\n").partition("\t")
        han, latin = len(re.findall(r"[\u4e00-\u9fff]", text)), len(re.findall(r"[A-Za-z]+", text))
        spoken_in = "zh" if language != "en" and han * 2 > latin else "en"
        heard = "".join(part.text for part in whisper.transcribe(samples_16k(f"{wavs}/{n:04}.wav"), language=spoken_in))
        wanted, got = tokens(language, said or text), tokens(language, heard)
        missed = errors(wanted, got)
        total, wrong = total + len(wanted), wrong + missed
        if language != "en":
            plain = lambda items: [s for item in items for s in (lazy_pinyin(item) if re.match(r"[\u4e00-\u9fff]", item) else [item])]
            sounds, wrong_sounds = sounds + len(plain(wanted)), wrong_sounds + errors(plain(wanted), plain(got))
        if missed:
            print(f"{n:04} {missed} {text}\n       heard {heard.strip()}", file=sys.stderr)
    result = {"language": language, "units": total, "error_rate": round(100 * wrong / total, 2)}
    if sounds:
        result["pinyin_error_rate"] = round(100 * wrong_sounds / sounds, 2)
    print(json.dumps(result))


if __name__ == "__main__":
    main(*sys.argv[1:])
