// Before the first paint, so that nobody who chose the dark sees a white flash.
(() => {
  let theme = null
  try {
    theme = localStorage.getItem('b24gate.theme')
  } catch {
    // A browser that keeps nothing follows the system.
  }
  if (theme === 'light' || theme === 'dark') document.documentElement.dataset.theme = theme
})()
