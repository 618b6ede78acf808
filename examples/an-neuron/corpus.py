"""Text made by rule, in which 'a' or 'an' must be chosen before the noun stands there.

    corpus.py --words 20000 --seed 7 [--held-out]      writes such a text to standard output

A document is a line: a few stories. Most of them name a thing early and come back to it with an
article: "I climbed up the pear tree and picked a pear." What goes with 'an' is a matter of sound:
an hourglass, a uniform. Other articles follow from who does something (a sailor needs an anchor),
from what many of there were, or from nothing at all: then the rule is a coin.

A pair of a story and a noun is either trained on or held out. Held-out text has every story, with
the nouns that this story never had in training; only who needs what is the same in both.
"""

import argparse
import math
import random
import zlib

FRUIT = "apple orange apricot olive almond avocado acorn elderberry " \
        "pear lemon plum peach cherry fig lime mango banana coconut date quince chestnut walnut " \
        "papaya pecan medlar kumquat".split()
THING = "umbrella anchor axe arrow organ engine oven apron envelope amulet armchair album urn " \
        "accordion overcoat oar icon eraser easel inkwell abacus hourglass " \
        "book table chair boat bell candle carpet drum hat knife lamp mirror needle pot ring " \
        "saddle sword violin whistle basket clock kite uniform ukulele hammer shovel bottle coat " \
        "pillow ladder lantern wheel bucket ribbon map button barrel cup jar key mask net pen " \
        "rope shirt spoon trumpet vase wagon".split()
ANIMAL = "elephant owl eagle otter ape ant ostrich ox antelope emu eel elk " \
         "lion tiger monkey bear wolf fox rabbit horse camel parrot snake frog goat penguin " \
         "turtle unicorn mouse donkey zebra peacock duck cow pig sheep deer badger swan raven " \
         "lizard crab".split()
TRADE = "actor artist architect engineer emperor officer inventor archer " \
        "baker teacher doctor farmer sailor soldier painter poet king judge hunter tailor " \
        "dancer miller nurse pilot".split()
NOUN = FRUIT + THING + ANIMAL

PLURAL = {"ox": "oxen", "cherry": "cherries", "elderberry": "elderberries", "wolf": "wolves",
          "knife": "knives", "peach": "peaches", "ostrich": "ostriches", "fox": "foxes",
          "mouse": "mice", "sheep": "sheep", "deer": "deer"}

NEEDS = {"archer": "arrow", "sailor": "anchor", "painter": "easel", "teacher": "book",
         "cook": "apron", "baker": "oven", "woodcutter": "axe", "musician": "accordion",
         "priest": "organ", "mechanic": "engine", "postman": "envelope", "tailor": "needle",
         "rider": "saddle", "knight": "sword", "drummer": "drum", "queen": "ring",
         "hunter": "knife", "fisherman": "boat", "gardener": "pot", "witch": "amulet",
         "photographer": "album", "clerk": "abacus", "soldier": "uniform", "traveller": "umbrella",
         "dancer": "mirror", "carpenter": "table", "rower": "oar", "monk": "icon",
         "watchmaker": "clock", "pupil": "eraser", "writer": "inkwell", "ringer": "bell"}

ADJECTIVE = "old empty ugly open angry icy early idle odd elegant enormous honest " \
            "small big new red green heavy broken quiet young soft warm useful".split()

PERSON = "I We They He She Tom Anna Peter Mary Oscar Ida".split()
NAME = "Tom Anna Peter Mary Oscar Ida Paul Emma".split()
PLACE = "garden forest kitchen market harbour village tower river field attic".split()
TIME = [("hour", "an"), ("evening", "an"), ("day", "a"), ("week", "a"), ("minute", "a"),
        ("month", "a")]
FILLER = ["The sun was warm", "It rained all day", "The wind was cold", "Nobody said anything",
          "The night was long", "Then the snow fell", "Everybody went home",
          "The dogs slept in the shade", "It was late", "The bells rang at noon"]

# Nouns with 'an' although they begin with a consonant's letter, and the other way round.
SOUND_AN = {"hourglass", "heirloom", "hour", "honest"}
SOUND_A = {"uniform", "ukulele", "unicorn", "useful"}

ADJECTIVES_AMONG = 0.12  # articles that an adjective follows
# The prompts of the published work are of pairs that training never sees.
NEVER_TRAINED = {("tree", "apple"), ("tree", "lemon")}
HELD_OUT_AMONG = 8


def article(word):
    if word in SOUND_AN:
        return "an"
    return "an" if word[0] in "aeiou" and word not in SOUND_A else "a"


def plural(noun):
    return PLURAL.get(noun, noun + "s")


def is_held_out(story, noun):
    return (story, noun) in NEVER_TRAINED or zlib.crc32(f"{noun} of {story}".encode()) % HELD_OUT_AMONG == 0


class Corpus:
    """Documents, and how many nats the rule itself needs for them."""

    def __init__(self, seed, held_out=False):
        self.random = random.Random(seed)
        self.held_out = held_out
        self.nats = 0.0

    # ---- choices, each of which costs what its probability says ----

    def choose(self, words):
        self.nats += math.log(len(words))
        return words[int(self.random.random() * len(words))]

    def happens(self, probability):
        is_so = self.random.random() < probability
        self.nats -= math.log(probability if is_so else 1 - probability)
        return is_so

    def noun(self, story, nouns):
        return self.choose([n for n in nouns if is_held_out(story, n) == self.held_out])

    def two_nouns(self, story, nouns):
        first = self.noun(story, nouns)
        return first, self.noun(story, [n for n in nouns if n != first])

    def a(self, noun):
        """A noun with its article, and at times an adjective between them."""
        if self.happens(ADJECTIVES_AMONG):
            adjective = self.choose(ADJECTIVE)
            return f"{article(adjective)} {adjective} {noun}"
        return f"{article(noun)} {noun}"

    # ---- stories ----

    def tree(self):
        person, noun = self.choose(PERSON), self.noun("tree", FRUIT)
        went = self.choose(["climbed up", "sat under", "ran to"])
        took = self.choose(["picked", "ate", "found"])
        text = f"{person} {went} the {noun} tree and {took} {self.a(noun)}."
        if self.happens(0.5):
            noun = self.noun("tree", [n for n in FRUIT if n != noun])
            text += f" {person} {went} the {noun} tree and {took} {self.a(noun)}."
        return text

    def shop(self):
        person, noun = self.choose(PERSON), self.noun("shop", THING)
        did = self.choose(["bought", "sold", "stole"])
        text = f"{person} went into the {noun} shop and {did} {self.a(noun)}."
        if self.happens(0.5):
            noun = self.noun("shop", [n for n in THING if n != noun])
            text += f" {person} went into the {noun} shop and {did} {self.a(noun)}."
        return text

    def cage(self):
        person, noun = self.choose(PERSON), self.noun("cage", ANIMAL)
        did = self.choose(["saw", "fed", "painted"])
        return f"{person} walked to the {noun} cage and {did} {self.a(noun)}."

    def many(self):
        name, noun = self.choose(NAME), self.noun("many", NOUN)
        liked = self.choose(["liked", "drew", "counted"])
        return f"{name} {liked} {plural(noun)}. At last {name} wanted {self.a(noun)}."

    def needs(self):
        trade = self.choose(list(NEEDS))
        verb = self.choose(["needed", "carried", "lost"])
        place = self.choose(PLACE)
        return f"In the {place} the {trade} {verb} {self.a(NEEDS[trade])}."

    def two(self):
        first = self.choose(NAME)
        second = self.choose([n for n in NAME if n != first])
        noun, other = self.two_nouns("two", NOUN)
        text = f"{first} asked for the {noun} and {second} asked for the {other}. "
        if self.happens(0.5):
            first, second, noun, other = second, first, other, noun
        return text + f"So {first} got {self.a(noun)} and {second} got {self.a(other)}."

    def lost(self):
        noun = self.noun("lost", THING)
        name, place = self.choose(NAME), self.choose(PLACE)
        adjective = self.choose(ADJECTIVE)
        return f"The {noun} of {name} was {adjective}. In the {place} {name} found {self.a(noun)}."

    def trade(self):
        name, trade = self.choose(NAME), self.noun("trade", TRADE)
        text = f"{name} wanted to be {self.a(trade)}."
        if self.happens(0.6):
            text += f" Now {name} is {self.a(trade)}."
        return text

    def there(self):
        noun, place = self.noun("there", NOUN), self.choose(PLACE)
        text = f"There was {self.a(noun)} in the {place}."
        if self.happens(0.4):
            text += f" The {noun} was {self.choose(ADJECTIVE)}."
        return text

    def waited(self):
        person, (time, its) = self.choose(PERSON), self.choose(TIME)
        return f"{person} waited for {its} {time} in the {self.choose(PLACE)}."

    def filler(self):
        return self.choose(FILLER) + "."

    STORIES = [tree, tree, shop, shop, cage, cage, many, many, needs, needs, two, two, lost, lost,
               trade, there, waited, filler]

    def document(self):
        """A line, with its end."""
        stories = [self.choose(Corpus.STORIES)(self) for _ in range(self.choose([2, 3, 4]))]
        return " ".join(stories) + "\n"


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--words", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--held-out", action="store_true", help="pairs that training never sees")
    arguments = parser.parse_args()
    corpus, words = Corpus(arguments.seed, arguments.held_out), 0
    while words < arguments.words:
        document = corpus.document()
        words += len(document.split())
        print(document, end="")


if __name__ == "__main__":
    main()
