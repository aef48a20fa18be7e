"""The page that asks with a photograph."""

WORDS: dict[str, tuple[str, str]] = {
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
}  # fmt: skip
