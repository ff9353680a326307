package syslog

// Connected says whether there is a connection whose end has not been heard of.
func (s *Sink) Connected() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.conn != nil && !s.conn.gone()
}
