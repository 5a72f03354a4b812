"""Other words for a word of a question: irregular forms and everyday words of nearly the same meaning (English).

A question says "what did he buy", the memory says "I bought"; a stemmer does not bring the two together, and no other
part of a lexical search does. Both lists are general English, written for this purpose. Forms are the same word.
Related words are weaker evidence and never count for whether a question is answered at all.
"""

from __future__ import annotations

from functools import cache

from memcore_plugins.prefetch.stemming import stem

__all__ = ["forms", "related"]

_FORMS = """
arise arose arisen|bear bore borne|beat beaten|become became|begin began begun|bend bent|bind bound|bite bit bitten
bleed bled|blow blew blown|break broke broken|breed bred|bring brought|build built|burn burnt|buy bought
catch caught|choose chose chosen choice|cling clung|come came|creep crept|deal dealt|dig dug|draw drew drawn
dream dreamt|drink drank drunk|drive drove driven|eat ate eaten|fall fell fallen|feed fed|feel felt|fight fought
find found|flee fled|fly flew flown flight|forbid forbade forbidden|forget forgot forgotten|forgive forgave forgiven
freeze froze frozen|give gave given|grind ground|grow grew grown growth|hang hung|hear heard|hide hid hidden
hold held|keep kept|kneel knelt|know knew known|lay laid|lead led|leap leapt|learn learnt|leave left|lend lent
lie lay lain|light lit|lose lost loss|make made|mean meant|meet met|mistake mistook mistaken|overcome overcame
pay paid|prove proven proof|ride rode ridden|ring rang rung|rise rose risen|run ran|say said|see saw seen
seek sought|sell sold sale|send sent|sew sewn|shake shook shaken|shine shone|shoot shot|show shown
shrink shrank shrunk|sing sang sung|sink sank sunk|sit sat|sleep slept|slide slid|smell smelt|sow sown
speak spoke spoken speech|spell spelt|spend spent|spill spilt|spin spun|spoil spoilt|spring sprang sprung
stand stood|steal stole stolen|stick stuck|sting stung|strike struck|swear swore sworn|sweep swept|swell swollen
swim swam swum|swing swung|take took taken|teach taught|tear tore torn|tell told|think thought|throw threw thrown
understand understood|undergo underwent|wake woke woken|wear wore worn|weave wove woven|weep wept|win won|wind wound
withdraw withdrew withdrawn|write wrote written|child children|man men|woman women|person people|foot feet
tooth teeth|goose geese|mouse mice|wife wives|life lives live|knife knives|leaf leaves|good better best
bad worse worst|die death dead|marry marriage|weigh weight|believe belief|succeed success|advise advice
behave behavior behaviour|high height|long length|strong strength|young youth|hot heat|proud pride|deep depth
wide width|color colour|favorite favourite|neighbor neighbour|theater theatre|center centre|organize organise
program programme|traveled travelled|gray grey|mom mum|cozy cosy|jewelry jewellery
"""

_RELATED = """
job work career profession occupation employ position hire|child kid son daughter baby toddler|mother mom parent
father dad parent|grandmother grandma granny|grandfather grandpa|husband wife spouse partner
marry wedding bride ceremony|house home apartment flat live residence|car vehicle truck van|movie film cinema
book novel read author|author writer write|doctor physician hospital clinic surgeon|ill sick disease unwell
hurt injure pain|happy glad pleased excited thrilled|sad upset unhappy depressed|scared afraid fear frighten terrify
worry concern nervous anxious stress|angry mad furious annoyed|food meal dish eat dinner lunch breakfast
cook bake recipe dish|trip travel journey vacation holiday|city town village|school college university
student study enroll|class course lesson|teacher professor instructor teach|learn study practice
money pay cost price|salary pay income|gift present|pet dog cat animal puppy kitten|plant grow garden flower
paint picture art artist draw|music song band concert musician|instrument guitar piano violin drum
exercise workout gym sport|run race marathon jog|win prize award trophy medal|begin start|finish complete end
quit resign leave|make create craft|build construct|repair fix mend restore|renovate remodel|break damage destroy
find discover|meet encounter|friend buddy|talk speak conversation chat|call phone|mail letter|help support assist
volunteer charity donate|big large huge|small little tiny|favorite best love|like love enjoy
hobby interest activity pastime|plan intend want|goal dream aim|name call|born birth|age old|sister brother sibling
move relocate|religion church faith|forest wood nature outdoor|mountain hike trail|beach sea ocean coast
photo picture photograph image|event festival conference|idea opinion thought|shop store|buy purchase
company firm business|boss manager|colleague coworker|cash money|clothes wear dress shirt
beautiful pretty lovely gorgeous|difficult hard tough|easy simple|fast quick speed|tired exhausted|sleep nap bed
bicycle bike cycle|plane fly|train rail|ship boat ferry|computer laptop|phone mobile|street road|rain storm weather
dance ballet|team club group|member join|health medical|therapy counseling counselor|advice recommend suggest
problem trouble issue|reason cause|accident crash|award honor|encourage support|inspire motivate|afraid phobia
decide decision choose|allow permit|error mistake bug|delete remove erase|deploy release ship|meeting appointment
document file report|password credential secret|database db|server host|backup restore
"""


@cache
def _table(text: str) -> dict[str, list[tuple[str, tuple[str, ...]]]]:
    """Return the families of a list by the first three letters of their words, so that few words need stemming."""
    found: dict[str, list[tuple[str, tuple[str, ...]]]] = {}
    for family in text.replace("\n", "|").split("|"):
        words = tuple(family.split())
        for word in words:
            found.setdefault(word[:3], []).append((word, words))
    return found


def forms(word: str) -> list[str]:
    """Return the irregular forms of an English word, without the word itself."""
    return _family(_FORMS, word)


def related(word: str) -> list[str]:
    """Return everyday words that mean nearly the same."""
    return _family(_RELATED, word)


def _family(text: str, word: str) -> list[str]:
    if not word.isascii() or len(word) < 3:
        return []
    own = stem(word)
    near = _table(text).get(word[:3], ())
    found = dict.fromkeys(other for member, family in near if stem(member) == own for other in family)
    return [other for other in found if stem(other) != own]
