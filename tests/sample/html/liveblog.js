// What the sample's live pages run, in place of the site's Liveblog: it draws the same markup.
(async () => {
  const box = document.getElementById("wpcom-liveblog-container");
  const settings = window.liveblog_settings;
  const element = (tag, name, ...inside) => {
    const made = document.createElement(tag);
    made.className = name;
    made.append(...inside);
    return made;
  };
  const draw = (entry) => {
    const face = document.createElement("img");
    face.src = "/wp-content/uploads/sites/2/face.jpg?s=30";
    const link = element("a", "", entry.author);
    link.href = "/author/" + entry.author.toLowerCase().replaceAll(" ", "-") + "/";
    const time = element("abbr", "liveblog-timestamp", entry.printed);
    time.title = entry.time;
    const header = element(
      "header",
      "liveblog-meta",
      element("div", "liveblog-meta-authors", element("span", "liveblog-meta-author", link)),
      element("a", "liveblog-meta-time", time),
    );
    if (entry.headline) header.append(element("h2", "liveblog-entry-header", entry.headline));
    const content = element("div", "liveblog-entry-content");
    content.innerHTML = entry.render;
    const main = element("div", "liveblog-entry-main");
    main.append(element("div", "liveblog-meta-avatars", face), header, content);
    const drawn = element("article", "liveblog-entry", main);
    drawn.id = "id_" + entry.id;
    return drawn;
  };
  const show = async (number) => {
    const answer = await fetch(settings.endpoint_url + "get-entries/" + number + "/");
    const {entries, page, pages} = await answer.json();
    const feed = element("div", "liveblog-feed", ...entries.map(draw));
    const next = element("button", "liveblog-btn liveblog-pagination-next", "Next");
    next.disabled = page === pages;
    next.onclick = () => show(page + 1);
    const numbers = element("span", "liveblog-pagination-pages", page + " of " + pages);
    box.replaceChildren(feed, element("div", "liveblog-pagination", numbers, next));
  };
  if (box) await show(1);
})();
