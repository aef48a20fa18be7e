"""Every sentence of the app, in English and in Simplified Chinese; sentences it shares with the report page are that page's own.

`{…}` is filled in; `one|many` is English's plural.
"""

from collections.abc import Callable
from dataclasses import dataclass

from meetbefore_assets.publishing.page.phrases import Phrase
from meetbefore_assets.publishing.page.translations import CHINESE, ENGLISH, STRINGS

LANGUAGES = (ENGLISH, CHINESE)

WORDS: dict[str, tuple[str, str]] = {
    # Frame
    "app": ("meetbefore", "meetbefore"),
    "skip.main": ("Skip to the content", "跳到正文"),
    "nav.main": ("Main", "主导航"),
    "nav.people": ("People", "人物"),
    "nav.once": ("Seen once", "只见过一次"),
    "nav.review": ("Review", "审核"),
    "nav.corrections": ("Corrections", "更正"),
    "nav.videos": ("Videos", "视频"),
    "nav.whois": ("Have we met?", "见过吗？"),
    "nav.runs": ("Runs", "运行记录"),
    "nav.runs.title": ("Runs in the Dagster UI", "在 Dagster 界面中查看运行"),
    "help.title": ("Keyboard", "键盘快捷键"),
    "close": ("Close", "关闭"),
    "language.switch": ("中文", "English"),
    "saving": ("Saving…", "正在保存…"),
    "offline": ("The app does not answer. Is it still running?", "应用没有响应。它还在运行吗？"),
    "fresh": ("There is something new here.", "这里有新内容。"),
    "fresh.show": ("Show it", "显示"),
    "undo": ("Undo", "撤销"),
    "redo": ("Redo", "重做"),
    "done": ("Done", "完成"),
    "apply": ("Apply", "应用"),
    "page.next": ("Next", "下一页"),
    "page.before": ("Previous", "上一页"),
    "page.pages": ("Pages", "分页"),
    "page.of": ("Page {n} of {of}", "第 {n} 页，共 {of} 页"),
    "count.answer": ("{n} answer|{n} answers", "{n} 个回答"),
    "count.appearance": ("{n} appearance|{n} appearances", "{n} 次露面"),
    "count.question": ("{n} question|{n} questions", "{n} 个问题"),
    "count.correction": ("{n} correction|{n} corrections", "{n} 条更正"),
    "selected": ("{n} selected", "已选 {n} 项"),
    # What is on its way
    "way.pending": ("{answers} on the way into the tables", "{answers}正在写入数据表"),
    "way.running": ("Updating…", "正在更新…"),
    "way.processing": ("Processing videos: {done} of {of}", "正在处理视频：{done}/{of}"),
    "way.error": ("The last update failed: {reason}", "上次更新失败：{reason}"),
    # Asking with a photograph
    "whois.title": ("Have we met?", "我们见过吗？"),
    "whois.lead": (
        "Drop or paste a photograph anywhere on this page, or choose one.",
        "把照片拖放或粘贴到本页任意位置，或选择一张照片。",
    ),
    "whois.choose": ("Photograph", "照片"),
    "whois.kept": ("Nothing of it is kept.", "照片不会被保存。"),
    "whois.waiting": ("Looking for faces…", "正在查找人脸…"),
    "whois.answers": ("Faces, from left to right", "人脸（从左到右）"),
    "whois.photograph": ("the photograph", "该照片"),
    "whois.none": ("No photograph was sent. Choose a JPEG, PNG, WebP or HEIC.", "没有收到照片。请选择 JPEG、PNG、WebP 或 HEIC 文件。"),
    # People
    "people.title": ("People you keep meeting", "总是遇见的人"),
    "people.none": ("Nobody fits this choice.", "没有符合条件的人。"),
    "people.clear": ("Show everybody met again", "显示所有重逢的人"),
    "find.label": ("Find by name or id", "按姓名或编号查找"),
    "filter.who": ("Who", "对象"),
    "who.strangers": ("Strangers", "陌生人"),
    "who.companions": ("Companions", "同伴"),
    "who.named": ("Named", "已命名"),
    "who.ignored": ("Ignored", "已忽略"),
    "who.everybody": ("Everybody", "所有人"),
    "who.me": ("You", "你本人"),
    "filter.more": ("More filters", "更多筛选"),
    "filter.weekday": ("Met on", "相遇于"),
    "filter.any-day": ("any day", "任意一天"),
    "filter.place": ("Met near", "地点"),
    "filter.any-place": ("anywhere", "任意地点"),
    "filter.since": ("Met since", "起始日期"),
    "filter.sort": ("Sort by", "排序"),
    "sort.score": ("most remarkable", "最值得注意"),
    "sort.last": ("latest", "最近"),
    "sort.first": ("longest known", "认识最久"),
    "sort.encounters": ("most encounters", "相遇最多"),
    "sort.name": ("name", "姓名"),
    "view.grid": ("Grid", "网格"),
    "view.list": ("List", "列表"),
    "view": ("Layout", "布局"),
    "place.option": ("{latitude}, {longitude} ({encounters})", "{latitude}, {longitude}（{encounters}）"),
    "somebody": ("Somebody", "未命名"),
    "add-name": ("Add a name", "添加姓名"),
    "select": ("Select {person}", "选择 {person}"),
    "select.face": ("Select the face of {day}, similarity {similarity}", "选择 {day} 的人脸，相似度 {similarity}"),
    "last.seen": ("last {day}", "最近 {day}"),
    "on.days": ("on {days}", "{days}"),
    "column.person": ("Person", "人物"),
    "column.encounters": ("Encounters", "相遇"),
    "column.days": ("Days", "天数"),
    "column.last": ("Last met", "最近相遇"),
    "column.score": ("Score", "得分"),
    "do.merge": ("Merge", "合并"),
    "do.ignore": ("Ignore", "忽略"),
    "do.companion": ("Companions", "设为同伴"),
    "do.clear": ("Clear", "取消选择"),
    "do.selected": ("With the selected people", "对所选人物"),
    "do.selected.faces": ("With the selected faces", "对所选人脸"),
    "once.title.page": ("People seen once", "只见过一次的人"),
    "once.lead": ("Passers-by, the latest first. Merge one into somebody, or ignore them.", "路人，最近的在前。可合并到某人，也可忽略。"),
    "once.none": ("Nobody was seen just once.", "没有只见过一次的人。"),
    # Person
    "person.back": ("All people", "所有人物"),
    "person.name": ("Name", "姓名"),
    "person.save": ("Save", "保存"),
    "person.role": ("Who is this to you?", "与你的关系"),
    "role.stranger": ("Stranger", "陌生人"),
    "role.companion.is": ("Companion", "同伴"),
    "role.me": ("Me", "我本人"),
    "role.ignored": ("Ignored", "忽略"),
    "role.proposed": ("Suggested by the numbers", "系统建议"),
    "person.sure": ("{sure} sure that this is one person", "有 {sure} 的把握是同一人"),
    "person.why": ("Why this is one person", "为什么是同一人"),
    "person.why.faces": (
        "Similarity of the faces: typically {middle}, lowest {least}.",
        "人脸相似度：通常为 {middle}，最低 {least}。",
    ),
    "person.why.one": ("Only one appearance is known, so there is nothing to compare.", "只有一次露面，无可比较。"),
    "person.why.least": ("The least certain encounter: {when}, {sure}.", "最不确定的一次相遇：{when}，{sure}。"),
    "person.nearest": ("Most similar other person", "最相似的另一个人"),
    "person.nearest.cosine": ("similarity {similarity} at most", "相似度至多 {similarity}"),
    "person.same": ("Same person", "同一人"),
    "person.different": ("Somebody else", "不是同一人"),
    "person.encounters": ("Encounters", "相遇"),
    "person.encounters.all": ("Show all {encounters}", "显示全部 {encounters}"),
    "person.sure.short": ("{sure} sure", "把握 {sure}"),
    "person.when": ("When", "何时"),
    "person.where": ("Where", "何地"),
    "person.with": ("Who was there too", "还有谁在场"),
    "person.with.times": ("{n}× together", "同时 {n} 次"),
    "person.faces": ("All faces", "所有人脸"),
    "person.faces.lead": (
        "The worst-fitting first. Select faces that are wrong; what was seen in one go stays together.",
        "最不像的在前。请选择有误的人脸；同一次连续露面会一起处理。",
    ),
    "faces.not-this": ("Not this person", "不是此人"),
    "faces.move": ("Move", "移动"),
    "faces.move.to": ("Move to", "移动到"),
    "faces.move.who": ("name or id", "姓名或编号"),
    "faces.not-a-face": ("Not a face", "不是人脸"),
    "faces.portrait": ("Use as portrait", "用作头像"),
    "faces.only": ("Only these faces, not the whole appearance", "仅限这些人脸，不含整段露面"),
    "face.open": ("Open the moment: {when}", "打开此刻：{when}"),
    "name.taken": (
        "{other} has this name already. If both are one person, merge them.",
        "{other} 已使用此姓名。若是同一人，请合并。",
    ),
    "name.merge": ("They are one person", "他们是同一人"),
    "gone.person": ("This person is not there any more", "此人已不存在"),
    "gone.person.text": ("The faces belong to other people now, or were erased.", "这些人脸现在属于其他人，或已被删除。"),
    # Moment
    "moment.title": ("{person}, {when}", "{person}，{when}"),
    "moment.video": ("The seconds around this face", "此人脸前后的几秒"),
    "moment.strip": ("Frame by frame", "逐帧"),
    "moment.frame": ("{offset} in the video", "视频中 {offset}"),
    "moment.cannot": (
        "This browser cannot play the file ({codec}). The frames below are from the original.",
        "此浏览器无法播放该文件（{codec}）。下方各帧取自原始文件。",
    ),
    "moment.gone": ("The file is not there: {file}. Its faces are kept.", "找不到文件：{file}。人脸仍保留。"),
    "moment.gone.how": ("Attach its disk, or run with the folder it was moved to.", "请连接所在磁盘，或用文件移动后的文件夹重新运行。"),
    "moment.play": ("Play or pause", "播放或暂停"),
    "moment.before": ("Previous face", "上一张"),
    "moment.next": ("Next face", "下一张"),
    "moment.who": ("In these seconds", "这几秒内的人"),
    "moment.gone.face": ("This face is not there any more", "此人脸已不存在"),
    # Review
    "review.title": ("Review", "审核"),
    "review.same": ("Are these the same person?", "这是同一个人吗？"),
    "review.other": ("Is this part somebody else?", "这一部分是另一个人吗？"),
    "review.progress": ("{done} of {of}", "{done}/{of}"),
    "review.settles": ("these settle {faces}", "共涉及 {faces}"),
    "review.yes": ("Same", "同一人"),
    "review.no": ("Different", "不同"),
    "review.unsure": ("Not sure", "不确定"),
    "review.split": ("Split here", "在此拆分"),
    "review.one": ("One person", "同一人"),
    "review.first": ("First person", "第一个人"),
    "review.second": ("Second person", "第二个人"),
    "review.part": ("This part", "这一部分"),
    "review.rest": ("The others", "其余部分"),
    "review.sure": ("The numbers say {sure} the same", "系统判断同一人的概率为 {sure}"),
    "review.none": ("No open questions", "没有待回答的问题"),
    "review.none.text": (
        "Everything near the threshold is answered. New questions come with new recordings.",
        "阈值附近的问题都已回答。有新录像时会出现新问题。",
    ),
    "review.moment": ("Moments", "出现的时刻"),
    # Corrections
    "corrections.title": ("Corrections", "更正"),
    "corrections.lead": (
        "Everything you said, the latest first. Nothing is lost: whatever is undone can be redone.",
        "你说过的一切，最近的在前。不会丢失任何内容：撤销后可以重做。",
    ),
    "corrections.none": ("Nothing was corrected yet.", "还没有更正。"),
    "corrections.none.text": (
        "Give a name, merge two people, or answer a question: it is listed here and can be undone.",
        "起个名字、合并两个人或回答一个问题：都会列在这里，并可撤销。",
    ),
    "state.applies": ("applies", "有效"),
    "state.undone": ("undone", "已撤销"),
    "state.contradicts": ("contradicts what is seen now", "与现在看到的矛盾"),
    "faces.gone": ("the faces are gone", "人脸已不在"),
    "said.name": ("Named “{text}”", "命名为“{text}”"),
    "said.name.none": ("{here} lost the name", "{here} 的姓名被删除"),
    "said.role.me": ("{here} is me", "{here} 是我本人"),
    "said.role.companion": ("{here} travels with me", "{here} 与我同行"),
    "said.role.ignored": ("{here} is ignored", "{here} 被忽略"),
    "said.role.none": ("{here} has no role", "{here} 没有角色"),
    "said.merge": ("{here} and {there} are one person", "{here} 和 {there} 是同一人"),
    "said.merged": ("Merged into {here}", "已合并到 {here}"),
    "said.not-same": ("{here} is not {there}", "{here} 不是 {there}"),
    "said.unsure": ("Not sure whether {here} is {there}", "不确定 {here} 是否为 {there}"),
    "said.split": ("{faces} are not {there}", "{faces}不是 {there}"),
    "said.move": ("{faces} moved to {there}", "{faces}移到了 {there}"),
    "said.not-a-face": ("{faces}: not a face", "{faces}：不是人脸"),
    "said.portrait": ("New portrait of {here}", "{here} 的新头像"),
    "said.undo": ("Undone: {what}", "已撤销：{what}"),
    "said.redo": ("Redone: {what}", "已重做：{what}"),
    "said.known": ("The name “{text}” was imported", "导入了姓名“{text}”"),
    "said.other": ("“{what}”, which only a later version of meetbefore knows", "“{what}”，只有更新版本的 meetbefore 才能识别"),
    # Videos
    "videos.title": ("Videos", "视频"),
    "videos.lead": ("{done} processed, {waiting} waiting, {failed} failed, {missing} not found.",
                    "已处理 {done} 段，等待 {waiting} 段，失败 {failed} 段，找不到 {missing} 段。"),
    "videos.failed": ("Could not be used", "无法使用"),
    "videos.missing": ("Files that are not there", "找不到的文件"),
    "videos.missing.text": ("Their faces are kept. Attach the disk to play their moments.", "人脸仍保留。连接磁盘后可播放。"),
    "videos.retry": ("Try again", "重试"),
    "videos.retry.all": ("Try all again", "全部重试"),
    "videos.where": ("Where recordings come from", "录像来源"),
    "videos.process": ("Look for new recordings", "查找新录像"),
    "start.title": ("Whom do you keep meeting?", "你总是遇见谁？"),
    "start.text": (
        "Put recordings (videos, or folders of photographs) here, or name the folder where they are:",
        "请把录像（视频或照片文件夹）放到这里，或指定它们所在的文件夹：",
    ),
    "start.or": ("or in a terminal:", "或在终端中运行："),
    "start.then": ("They stay where they are, and nothing leaves this machine. The page fills by itself.",
                   "录像留在原处，任何内容都不会离开本机。页面会自动更新。"),
    "start.running": ("Videos are being processed. People appear here by themselves.", "正在处理视频，人物会自动出现在这里。"),
    "start.nobody": ("No face was found in {videos} yet.", "在 {videos}中还没有找到人脸。"),
    # Keys
    "key.find": ("find", "查找"),
    "key.undo": ("undo the latest correction", "撤销最近一次更正"),
    "key.help": ("this list", "显示此列表"),
    "key.arrows": ("go from one to the next", "前后移动"),
    "key.open": ("open", "打开"),
    "key.select": ("select", "选择"),
    "key.merge": ("merge the selected people", "合并所选人物"),
    "key.ignore": ("ignore", "忽略"),
    "key.companion": ("call companions", "设为同伴"),
    "key.name": ("name", "命名"),
    "key.not-this": ("not this person", "不是此人"),
    "key.not-a-face": ("not a face", "不是人脸"),
    "key.play": ("play or pause", "播放或暂停"),
    "key.same": ("same person", "同一人"),
    "key.different": ("different people", "不同的人"),
    "key.unsure": ("not sure", "不确定"),
    "key.split": ("split here", "在此拆分"),
    "key.escape": ("clear, close, back", "清除、关闭、返回"),
    "key.everywhere": ("Everywhere", "所有页面"),
    "key.people": ("People", "人物"),
    "key.person": ("Faces of a person", "人物的人脸"),
    "key.moment": ("A moment", "时刻"),
    "key.review": ("Review", "审核"),
    "key.space": ("Space", "空格"),
    # Trouble
    "trouble.select": ("Select {least} or more first.", "请先选择至少 {least} 项。"),
    "trouble.select.one": ("Select just one face for the portrait.", "请只选择一张人脸作为头像。"),
    "trouble.move.who": ("Say whom the faces belong to: a name or an id.", "请填写这些人脸属于谁：姓名或编号。"),
}  # fmt: skip


@dataclass(frozen=True)
class Language:
    """Says things in one language."""

    code: str

    @property
    def other(self) -> str:
        """The language that the switch leads to."""
        return CHINESE if self.code == ENGLISH else ENGLISH

    def of(self, phrase: Phrase | str | None) -> str:
        """A phrase of the report page, in this language; "" for None."""
        if phrase is None or isinstance(phrase, str):
            return phrase or ""
        return phrase.en if self.code == ENGLISH else phrase.zh

    def say(self, key: str, **parts: object) -> str:
        """Fill in a sentence: of the app, or else of the report page. Raises KeyError where neither has it."""
        return self._text(key).format(**{name: part if isinstance(part, str) else self._part(part) for name, part in parts.items()})

    def count(self, number: int, noun: str) -> str:
        """3, "answer" -> "3 answers", "3 个回答"."""
        text = self._text(f"count.{noun}")
        if self.code == ENGLISH:
            one, many = text.split("|")
            text = one if number == 1 else many
        return text.format(n=f"{number:,}")

    def listed(self, texts: list[str]) -> str:
        """A list, with the comma of the language."""
        return self._text("list").join(texts)

    def _text(self, key: str) -> str:
        english, chinese = WORDS[key] if key in WORDS else STRINGS[key]
        return english if self.code == ENGLISH else chinese

    def _part(self, part: object) -> str:
        return self.of(part) if isinstance(part, Phrase) else f"{part:,}" if isinstance(part, int) else str(part)


def wanted_language(header: str, *, chosen: str = "") -> Language:
    """The language that was chosen by the switch, or else the first of an Accept-Language header that we speak; English otherwise."""
    if chosen in LANGUAGES:
        return Language(chosen)
    ranked: list[tuple[float, str]] = []
    for position, entry in enumerate(header.split(",")[:20]):
        name, _, weight = entry.strip().partition(";q=")
        with_weight = _weight(weight) - position * 1e-6
        if name[:2].lower() in ("en", "zh") and with_weight > 0:
            ranked.append((with_weight, CHINESE if name[:2].lower() == "zh" else ENGLISH))
    return Language(max(ranked)[1] if ranked else ENGLISH)


def _weight(text: str) -> float:
    if not text:
        return 1.0
    try:
        return float(text)
    except ValueError:
        return 0.0


Say = Callable[..., str]
