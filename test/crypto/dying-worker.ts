/** An entry of a worker thread that does not even start. */
throw new Error('planted: this thread does not start')
