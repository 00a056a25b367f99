// The sample's "Load more": each click draws the next items, until there are none.
for (const button of document.querySelectorAll("button.load-more")) {
  let number = 0;
  button.addEventListener("click", async () => {
    number += 1;
    const answer = await fetch(button.dataset.source + "?page=" + number);
    const {items, more} = await answer.json();
    for (const item of items) {
      const link = document.createElement("a");
      link.href = item.url;
      link.textContent = item.title;
      const drawn = document.createElement("article");
      drawn.className = "archive__item";
      drawn.append(link);
      button.before(drawn);
    }
    button.hidden = !more;
  });
}
