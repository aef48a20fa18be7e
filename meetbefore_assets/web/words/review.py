"""The page of questions."""

WORDS: dict[str, tuple[str, str]] = {
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
}  # fmt: skip
