// The button that shuts down the kernel by which it is shown; where it cannot, a line that says how.

export default { render({ model, el }) {
  const kernel = model.widget_manager?.kernel, button = document.createElement("button");
  const closed = "The kernel is shut down, its memory is free. To go on here, restart it: Kernel > Restart Kernel.";
  el.classList.add("batchlab-quiz");
  Object.assign(button, { type: "button", textContent: "Close this chapter: shut its kernel down" });
  button.addEventListener("click", async () => {
    button.disabled = true;
    el.textContent = await kernel.shutdown().then(() => closed, () => model.get("instead"));
  });
  el.append(kernel?.shutdown ? button : model.get("instead"));
} };
