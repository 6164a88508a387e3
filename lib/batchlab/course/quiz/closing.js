// The button that shuts down the kernel by which it is shown; where it cannot, a line that says how.

export default { render({ model, el }) {
  const kernel = model.widget_manager?.kernel, button = document.createElement("button");
  el.classList.add("batchlab-quiz");
  if (!kernel?.shutdown) return (el.textContent = model.get("instead"));
  Object.assign(button, { type: "button", textContent: "Close this chapter: shut its kernel down" });
  button.addEventListener("click", async () => {
    button.disabled = true;
    await kernel.shutdown();
    el.textContent = "The kernel is shut down, its memory is free. To go on here, restart it: Kernel > Restart Kernel.";
  });
  el.append(button);
} };
